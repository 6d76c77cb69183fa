package org.openface.triplet.training;

import java.util.Arrays;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.mining.MiningBatch;

/** Who lies next to each image of a batch, references left out; of equally near ones the first. */
final class Neighbours {
    /** By image: the nearest other one of its identity, and the nearest of another; -1 where there is none. */
    final int[] alike;

    final int[] other;

    /** The squared distances to them. */
    final float[] alikeDistances;

    final float[] otherDistances;

    /** By image: the largest squared distance to those after it that may be its positives; -1 if there is none. */
    final float[] farthest;

    Neighbours(MiningBatch in) {
        int size = in.size();
        alike = new int[size];
        other = new int[size];
        alikeDistances = new float[size];
        otherDistances = new float[size];
        farthest = new float[size];
        Arrays.fill(alike, -1);
        Arrays.fill(other, -1);
        Arrays.fill(farthest, -1);
        in.rows((image, row) -> {
            if (in.role(image) == Role.FULL) {
                look(in, image, row);
            }
        });
    }

    private void look(MiningBatch in, int image, float[] row) {
        int identity = in.identity(image);
        int positive = -1;
        int negative = -1;
        for (int j = 0; j < alike.length; j++) {
            if (in.identity(j) != identity) {
                negative = negative < 0 || row[j] < row[negative] ? j : negative;
            } else if (j != image) {
                positive = positive < 0 || row[j] < row[positive] ? j : positive;
            }
        }
        if (positive >= 0) {
            alike[image] = positive;
            alikeDistances[image] = row[positive];
        }
        if (negative >= 0) {
            other[image] = negative;
            otherDistances[image] = row[negative];
        }
        for (int p = in.nextOfIdentity(image); p >= 0; p = in.nextOfIdentity(p)) {
            farthest[image] = Math.max(farthest[image], row[p]);
        }
    }
}
