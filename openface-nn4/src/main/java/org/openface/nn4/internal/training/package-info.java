/**
 * What a training step does around the engine: the order of chunks in a large batch, and estimates of
 * statistics. Not API.
 */
@NullMarked
package org.openface.nn4.internal.training;

import org.jspecify.annotations.NullMarked;
