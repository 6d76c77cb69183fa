/**
 * Which triplets of a batch are learnt from. {@link org.openface.triplet.mining.TripletMiner} has the ready-made strategies; who
 * composes one of their own reads on in {@link org.openface.triplet.mining.PairSelector}, {@link
 * org.openface.triplet.mining.TripletFilter} and {@link org.openface.triplet.mining.NegativeSelector}.
 */
@NullMarked
package org.openface.triplet.mining;

import org.jspecify.annotations.NullMarked;
