/**
 * Triplet mining, the triplet loss and the training loop, over any {@link
 * org.openface.core.embedding.TrainableEmbedder}.
 *
 * <p>Most users need {@link org.openface.triplet.Trainer} and {@link org.openface.triplet.TripletMiner}. Who composes a
 * strategy of their own reads on in {@link org.openface.triplet.PairSelector}, {@link
 * org.openface.triplet.TripletFilter} and {@link org.openface.triplet.NegativeSelector}.
 */
@NullMarked
package org.openface.triplet;

import org.jspecify.annotations.NullMarked;
