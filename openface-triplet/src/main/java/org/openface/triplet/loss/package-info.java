/**
 * What is minimised over the mined triplets, and its gradient with respect to the embeddings.
 */
@NullMarked
package org.openface.triplet.loss;

import org.jspecify.annotations.NullMarked;
