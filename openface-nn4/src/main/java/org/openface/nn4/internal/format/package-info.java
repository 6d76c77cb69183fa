/** The formats of model files, each with its reader and writer, and how they are told apart. Not API. */
@NullMarked
package org.openface.nn4.internal.format;

import org.jspecify.annotations.NullMarked;
