package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.mining.Batches;
import org.openface.triplet.mining.MiningBatch;

class NeighboursTest {
    /** Enough for several threads, with negatives only, references, which are not looked at, and many equal distances. */
    @Test
    void theNearestAreTheFirstOfTheNearest() {
        MiningBatch drawn = Batches.random(3, 20, 20, 64);
        Random random = new Random(1);
        float[] values = new float[drawn.size() * 64];
        for (int i = 0; i < values.length; i++) {
            values[i] = i % 64 == 0 ? random.nextInt(40) : i % 64 == 1 ? random.nextInt(3) : 0;
        }
        int[] identities = new int[drawn.size()];
        Role[] roles = new Role[drawn.size()];
        for (int i = 0; i < identities.length; i++) {
            identities[i] = drawn.identity(i);
            roles[i] = drawn.role(i);
        }
        MiningBatch in = MiningBatch.of(
                        new EmbeddingBatch(64, values), identities, List.of(roles), drawn.margin(), drawn.draws())
                .withReferences(new EmbeddingBatch(64, new float[2 * 64]), new int[] {identities[0], 7});
        Neighbours neighbours = new Neighbours(in);
        for (int i = 0; i < in.size(); i++) {
            int alike = -1;
            int other = -1;
            float farthest = -1;
            for (int j = 0; j < in.size() && in.role(i) == Role.FULL; j++) {
                float distance = in.distance(i, j);
                if (in.identity(j) != in.identity(i)) {
                    other = other < 0 || distance < in.distance(i, other) ? j : other;
                } else if (j != i) {
                    alike = alike < 0 || distance < in.distance(i, alike) ? j : alike;
                    farthest = j > i && in.role(j) == Role.FULL ? Math.max(farthest, distance) : farthest;
                }
            }
            assertThat(neighbours.alike[i]).isEqualTo(alike);
            assertThat(neighbours.other[i]).isEqualTo(other);
            assertThat(neighbours.farthest[i]).isEqualTo(farthest);
            if (alike >= 0) {
                assertThat(neighbours.alikeDistances[i]).isEqualTo(in.distance(i, alike));
            }
            if (other >= 0) {
                assertThat(neighbours.otherDistances[i]).isEqualTo(in.distance(i, other));
            }
        }
    }
}
