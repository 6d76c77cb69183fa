/** The detectors that come with the library: the cascades of OpenCV with a second look, and YuNet. Not API. */
@NullMarked
package org.openface.align.internal.detect;

import org.jspecify.annotations.NullMarked;
