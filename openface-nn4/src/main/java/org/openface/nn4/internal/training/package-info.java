/** What a training step does around the engine: chunks of large batches, and the optimiser. Not API. */
@NullMarked
package org.openface.nn4.internal.training;

import org.jspecify.annotations.NullMarked;
