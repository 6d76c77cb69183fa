/** Pictures in memory and on disk: {@link org.openface.core.image.RgbImage} and {@link org.openface.core.image.ImageFiles}. */
@NullMarked
package org.openface.core.image;

import org.jspecify.annotations.NullMarked;
