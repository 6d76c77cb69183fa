/**
 * Shared by the rooms of this module; not part of its API, and changed without notice.
 */
@NullMarked
package org.openface.triplet.internal;

import org.jspecify.annotations.NullMarked;
