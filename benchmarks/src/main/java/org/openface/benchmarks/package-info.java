/**
 * Side-by-side comparisons with the peers, in one run each: {@code java -cp benchmarks/target/benchmarks.jar
 * org.openface.benchmarks.Compare training-step}.
 */
@NullMarked
package org.openface.benchmarks;

import org.jspecify.annotations.NullMarked;
