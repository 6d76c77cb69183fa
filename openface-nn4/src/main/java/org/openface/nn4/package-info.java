/** To be written. */
@NullMarked
package org.openface.nn4;

import org.jspecify.annotations.NullMarked;
