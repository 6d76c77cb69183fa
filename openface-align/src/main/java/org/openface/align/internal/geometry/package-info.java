/** Maps of the plane, and photographs read through them. Not API. */
@NullMarked
package org.openface.align.internal.geometry;

import org.jspecify.annotations.NullMarked;
