/** To be written. */
@NullMarked
package org.openface.triplet;

import org.jspecify.annotations.NullMarked;
