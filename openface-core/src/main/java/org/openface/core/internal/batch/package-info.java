/**
 * From a data set to batches: which faces make up each, and their pixels, read ahead of the training on threads of their
 * own. Not API: this project's modules use it, nobody else may.
 */
@NullMarked
package org.openface.core.internal.batch;

import org.jspecify.annotations.NullMarked;
