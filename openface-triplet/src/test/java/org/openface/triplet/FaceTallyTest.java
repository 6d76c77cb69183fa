package org.openface.triplet;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.openface.core.dataset.Face;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.Role;

class FaceTallyTest {
    private static Face face(String identity, String file) {
        return new Face(identity, Path.of(identity, file));
    }

    @Test
    void aMislabelledImageLeadsTheListAndThePairs() {
        List<Face> faces = List.of(
                face("ann", "1"), face("ann", "2"), face("ann", "bob really"), face("bob", "1"), face("bob", "2"));
        float[] line = {0, 0.1f, 10.3f, 10, 11};
        FaceTally tally = new FaceTally();
        for (int step = 0; step < 4; step++) {
            tally.observe(
                    MiningBatch.of(
                            new EmbeddingBatch(1, line),
                            new int[] {0, 0, 0, 1, 1},
                            List.of(Role.FULL, Role.FULL, Role.FULL, Role.FULL, Role.FULL),
                            0.2f,
                            new Draws(1, 1, step)),
                    faces);
        }
        List<String> noise = tally.labelNoise().lines().toList();
        // bob's image next to it is violated as well: closer to "ann" than to bob's other one.
        assertThat(noise.get(1)).isEqualTo("1.00\t4\tann\tbob\t" + Path.of("ann", "bob really"));
        assertThat(noise)
                .hasSize(4)
                .filteredOn(row -> row.contains("\tbob\tann\t"))
                .hasSize(2);

        List<String> pairs = tally.hardestPairs().lines().toList();
        assertThat(pairs.get(1)).startsWith("different\t0.09").contains("bob really");
        assertThat(pairs)
                .filteredOn(row -> row.startsWith("same"))
                .hasSize(4)
                .first()
                .asString()
                .contains("bob really");
        tally.nextEpoch();
        assertThat(tally.hardestPairs().lines()).hasSize(1);
        assertThat(tally.labelNoise().lines()).hasSize(1);
    }

    @Test
    void negativesOnlyAreNobodysPositive() {
        FaceTally tally = new FaceTally();
        List<Face> faces = List.of(face("ann", "1"), face("ann", "2"), face("cat", "1"));
        for (int step = 0; step < 3; step++) {
            tally.observe(
                    MiningBatch.of(
                            new EmbeddingBatch(1, new float[] {0, 2, 0.5f}),
                            new int[] {0, 0, 2},
                            List.of(Role.FULL, Role.FULL, Role.NEGATIVE_ONLY),
                            0.2f,
                            new Draws(1, 1, step)),
                    faces);
        }
        assertThat(tally.labelNoise().lines().skip(1)).hasSize(2).allMatch(row -> row.contains("\tann\tcat\t"));
    }
}
