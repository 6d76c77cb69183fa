package org.openface.triplet;

/**
 * The nearest image of another identity to any anchor of an identity, of equal ones the first: where a pair of identities
 * is most easily confused, or a photograph lies in the wrong folder.
 *
 * @param identity the anchor's identity
 * @param anchor the anchor's place in the batch
 * @param negative the negative's place in the batch
 * @param squaredDistance of the two
 */
public record HardestNegative(int identity, int anchor, int negative, float squaredDistance) {}
