/** Landmark models of dlib: their files, their boxes and what they find; and the picture of mean landmarks. Not API. */
@NullMarked
package org.openface.align.internal.landmarks;

import org.jspecify.annotations.NullMarked;
