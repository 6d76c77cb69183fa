/**
 * The training loop over any {@link org.openface.core.embedding.TrainableEmbedder}: {@link
 * org.openface.triplet.training.Trainer}, what it tells and what it leads to.
 */
@NullMarked
package org.openface.triplet.training;

import org.jspecify.annotations.NullMarked;
