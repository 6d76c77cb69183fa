package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.triplet.mining.Draws;
import org.openface.triplet.mining.MiningBatch;

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

    /** Ann's images are under two names, whose nearest neighbours they are; Bob and Cat stand alone. */
    @Test
    void onePersonUnderTwoNamesIsAPairOfIdentities() throws IOException {
        List<Face> faces = List.of(
                face("ann", "1"),
                face("ann", "2"),
                face("anne", "1"),
                face("anne", "2"),
                face("bob", "1"),
                face("bob", "2"),
                face("cat", "1"));
        FaceTally tally = new FaceTally();
        for (int step = 0; step < 4; step++) {
            observe(tally, step, faces);
        }
        String expected = "share\timages\tidentity\tidentity\n1.00\t16\tann\tanne\n";
        assertThat(tally.identityPairs()).isEqualTo(expected);

        // Written and read back it is the same, and goes on alike.
        FaceDataset dataset = FaceDataset.of(faces);
        FaceTally copy = new FaceTally();
        copy.read(new DataInputStream(new ByteArrayInputStream(written(tally, dataset))), dataset);
        for (FaceTally each : List.of(tally, copy)) {
            assertThat(each.identityPairs()).isEqualTo(expected);
            observe(each, 4, faces);
        }
        assertThat(copy.labelNoise()).isEqualTo(tally.labelNoise()).contains("\tann\tanne\t");
        assertThat(copy.hardestPairs())
                .isEqualTo(tally.hardestPairs())
                .contains("same")
                .contains("different");
        assertThat(written(copy, dataset)).isEqualTo(written(tally, dataset));
        for (int epoch = 0; epoch < 8; epoch++) {
            tally.nextEpoch();
        }
        assertThat(tally.isEmpty()).isTrue();
        assertThat(tally.identityPairs().lines()).hasSize(1);
    }

    /** Batch after batch of the same faces, among whom many are equally far apart. */
    @Test
    void theHardestPairsAreThoseOfAllOfferedOneAfterTheOther() {
        Random random = new Random(4);
        List<Face> faces = new ArrayList<>();
        int[] identities = new int[60];
        for (int i = 0; i < identities.length; i++) {
            identities[i] = i / 10;
            faces.add(face("person" + i / 10, "image" + i));
        }
        FaceTally tally = new FaceTally();
        List<String> same = new ArrayList<>();
        List<String> different = new ArrayList<>();
        for (int step = 0; step < 8; step++) {
            float[] line = new float[identities.length];
            for (int i = 0; i < line.length; i++) {
                line[i] = random.nextInt(200);
            }
            MiningBatch in = MiningBatch.of(
                    new EmbeddingBatch(1, line),
                    identities,
                    Collections.nCopies(identities.length, Role.FULL),
                    0.2f,
                    new Draws(1, 1, step));
            tally.observe(in, faces);
            for (int i = 0; i < identities.length; i++) {
                int nearest = -1;
                for (int j = 0; j < identities.length; j++) {
                    if (j > i && identities[j] == identities[i]) {
                        offer(same, false, in.distance(i, j), faces.get(i), faces.get(j));
                    } else if (identities[j] != identities[i]
                            && (nearest < 0 || in.distance(i, j) < in.distance(i, nearest))) {
                        nearest = j;
                    }
                }
                offer(different, true, in.distance(i, nearest), faces.get(i), faces.get(nearest));
            }
            same.sort(Comparator.reverseOrder());
            different.sort(Comparator.naturalOrder());
            List<String> expected = new ArrayList<>(different);
            expected.addAll(same);
            assertThat(tally.hardestPairs().lines().skip(1).map(row -> {
                        List<String> cells = List.of(row.split("\t"));
                        return pair(Double.parseDouble(cells.get(1)), cells.get(3), cells.get(5));
                    }))
                    .isEqualTo(expected);
        }
    }

    private static void offer(List<String> hardest, boolean near, double distance, Face first, Face second) {
        String one = first.file().toString();
        String other = second.file().toString();
        if (hardest.stream().noneMatch(pair -> pair.contains(one + ' ') && pair.contains(other + ' '))) {
            hardest.add(pair(distance, one, other));
            hardest.sort(near ? Comparator.reverseOrder() : Comparator.naturalOrder());
            if (hardest.size() > 12) {
                hardest.remove(0);
            }
        }
    }

    /** In the order of distances, then of files. */
    private static String pair(double distance, String one, String other) {
        return String.format(Locale.ROOT, "%09.2f %s %s ", distance, one, other);
    }

    private static void observe(FaceTally tally, int step, List<Face> faces) {
        tally.observe(
                MiningBatch.of(
                        new EmbeddingBatch(1, new float[] {0, 2, 0.5f, 1.5f, 90, 91, 70}),
                        new int[] {0, 0, 1, 1, 2, 2, 3},
                        List.of(Role.FULL, Role.FULL, Role.FULL, Role.FULL, Role.FULL, Role.FULL, Role.NEGATIVE_ONLY),
                        0.2f,
                        new Draws(1, 1, step)),
                faces);
    }

    private static byte[] written(FaceTally tally, FaceDataset dataset) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        tally.write(new DataOutputStream(bytes), dataset);
        return bytes.toByteArray();
    }
}
