/** To be written. */
@NullMarked
package org.openface.align;

import org.jspecify.annotations.NullMarked;
