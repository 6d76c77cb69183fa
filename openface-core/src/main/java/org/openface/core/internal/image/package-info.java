/**
 * Picture files as bytes: which kind one is, its pixels, and PNG files with a note in them. It knows nothing of the rooms
 * above it. Not API: this project's modules use it, nobody else may.
 */
@NullMarked
package org.openface.core.internal.image;

import org.jspecify.annotations.NullMarked;
