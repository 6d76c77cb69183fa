/** Which faces make up a batch: the strategies that come with the library, and what one of your own implements. */
@NullMarked
package org.openface.core.sampling;

import org.jspecify.annotations.NullMarked;
