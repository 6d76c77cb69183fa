/** To be written. */
@NullMarked
package org.openface.benchmarks;

import org.jspecify.annotations.NullMarked;
