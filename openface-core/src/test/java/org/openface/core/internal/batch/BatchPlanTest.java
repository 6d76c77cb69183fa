package org.openface.core.internal.batch;

import static com.google.common.primitives.Ints.asList;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.Folders;
import org.openface.core.embedding.FaceBatch.Role;
import org.openface.core.internal.batch.BatchSample.Entry;

class BatchPlanTest {
    private static final FaceDataset UNEVEN = Folders.imagined(1, 7, 2, 30, 4, 1, 9, 3);

    @Test
    void takesDifferentPeopleAndDifferentImagesOfEach() {
        BatchPlan sampler = BatchPlan.builder(UNEVEN)
                .identitiesPerBatch(5)
                .imagesPerIdentity(4)
                .build();
        for (int batch = 0; batch < 300; batch++) {
            List<Entry> entries = sampler.sample(1, batch).entries();
            assertThat(entries).extracting(Entry::face).doesNotHaveDuplicates();
            List<Integer> people =
                    entries.stream().map(Entry::identity).distinct().toList();
            assertThat(people).hasSize(5);
            int at = 0;
            for (int person : people) {
                int count = Math.min(4, UNEVEN.faces(person).size());
                for (Entry entry : entries.subList(at, at + count)) { // neighbours
                    assertThat(entry.identity()).isEqualTo(person);
                    assertThat(entry.face().identity())
                            .isEqualTo(UNEVEN.identities().get(person));
                    assertThat(entry.role()).isEqualTo(Role.FULL);
                }
                at += count;
            }
            assertThat(entries).hasSize(at);
            assertThat(at).isLessThanOrEqualTo(sampler.maximumBatchSize());
        }
    }

    @Test
    void knowsTheLargestBatchThereCanBe() {
        // 4 + 4 + 4 + 4 + 3
        assertThat(BatchPlan.builder(UNEVEN)
                        .identitiesPerBatch(5)
                        .imagesPerIdentity(4)
                        .build()
                        .maximumBatchSize())
                .isEqualTo(19);
        assertThat(BatchPlan.builder(UNEVEN)
                        .identitiesPerBatch(5)
                        .imagesPerIdentity(4)
                        .extraNegatives(7)
                        .build()
                        .maximumBatchSize())
                .isEqualTo(26);
        assertThat(BatchPlan.builder(UNEVEN)
                        .identitiesPerBatch(7)
                        .imagesPerIdentity(Integer.MAX_VALUE)
                        .extraNegatives(Integer.MAX_VALUE)
                        .build()
                        .maximumBatchSize())
                .isEqualTo(UNEVEN.size());
    }

    @Test
    void aBatchDependsOnItsAddressAlone() {
        BatchPlan one = BatchPlan.builder(UNEVEN)
                .identitiesPerBatch(5)
                .extraNegatives(3)
                .seed(7)
                .build();
        BatchPlan other = BatchPlan.builder(UNEVEN)
                .identitiesPerBatch(5)
                .extraNegatives(3)
                .seed(7)
                .build();
        Set<BatchSample> seen = new HashSet<>();
        for (int epoch = 0; epoch < 4; epoch++) {
            for (int batch = 9; batch >= 0; batch--) { // backwards on one, and twice
                assertThat(one.sample(epoch, batch)).isEqualTo(other.sample(epoch, batch));
                assertThat(one.sample(epoch, batch)).isEqualTo(other.sample(epoch, batch));
                seen.add(new BatchSample(0, 0, one.sample(epoch, batch).entries()));
            }
        }
        assertThat(seen).hasSize(40);
        BatchPlan otherSeed = BatchPlan.builder(UNEVEN)
                .identitiesPerBatch(5)
                .extraNegatives(3)
                .seed(8)
                .build();
        assertThat(otherSeed.sample(1, 1)).isNotEqualTo(one.sample(1, 1));
    }

    @Test
    void peopleAndImagesAreUniform() {
        BatchPlan sampler = BatchPlan.builder(UNEVEN)
                .identitiesPerBatch(2)
                .imagesPerIdentity(3)
                .build();
        int[] people = new int[8];
        int[] imagesOfTheFourth = new int[30];
        int flips = 0;
        int images = 0;
        for (int batch = 0; batch < 8000; batch++) {
            Set<Integer> inBatch = new HashSet<>();
            for (Entry entry : sampler.sample(batch / 250, batch % 250).entries()) {
                images++;
                flips += entry.flipped() ? 1 : 0;
                inBatch.add(entry.identity());
                if (entry.identity() == 3) {
                    imagesOfTheFourth[UNEVEN.faces(3).indexOf(entry.face())]++;
                }
            }
            inBatch.forEach(person -> people[person]++);
        }
        // However many images they have, people come up 8000 * 2/8 = 2000 times each; standard deviation 39.
        assertThat(asList(people)).allSatisfy(count -> assertThat(count).isCloseTo(2000, within(180)));
        // Each image 2000 * 3/30 = 200 times; standard deviation 14.
        assertThat(asList(imagesOfTheFourth))
                .allSatisfy(count -> assertThat(count).isCloseTo(200, within(65)));
        // About 35,000 images; standard deviation of the share 0.0027.
        assertThat((double) flips / images).isCloseTo(0.5, within(0.012));
    }

    @Test
    void flippingCanBeSwitchedOffWithoutChangingAnythingElse() {
        BatchPlan with = BatchPlan.builder(UNEVEN).identitiesPerBatch(5).build();
        BatchPlan without = BatchPlan.builder(UNEVEN)
                .identitiesPerBatch(5)
                .horizontalFlip(false)
                .build();
        assertThat(without.sample(1, 2).entries()).noneMatch(Entry::flipped);
        assertThat(without.sample(1, 2).entries())
                .extracting(Entry::face)
                .isEqualTo(with.sample(1, 2).entries().stream().map(Entry::face).toList());
    }

    @Test
    void extraNegativesAreOtherPeople() {
        BatchPlan plain = BatchPlan.builder(UNEVEN)
                .identitiesPerBatch(3)
                .imagesPerIdentity(4)
                .build();
        BatchPlan sampler = BatchPlan.builder(UNEVEN)
                .identitiesPerBatch(3)
                .imagesPerIdentity(4)
                .extraNegatives(6)
                .build();
        int[] seen = new int[UNEVEN.size()];
        double[] expected = new double[UNEVEN.size()];
        for (int batch = 0; batch < 2000; batch++) {
            List<Entry> people = plain.sample(1, batch).entries();
            List<Entry> entries = sampler.sample(1, batch).entries();
            assertThat(entries.subList(0, people.size())).isEqualTo(people);
            List<Entry> extra = entries.subList(people.size(), entries.size());
            Set<Integer> inBatch =
                    new HashSet<>(people.stream().map(Entry::identity).toList());
            List<Integer> outside = IntStream.range(0, UNEVEN.size())
                    .filter(face -> !inBatch.contains(UNEVEN.identityOf(face)))
                    .boxed()
                    .toList();
            int count = Math.min(6, outside.size());
            outside.forEach(face -> expected[face] += (double) count / outside.size());
            assertThat(extra).hasSize(count);
            assertThat(extra).extracting(Entry::face).doesNotHaveDuplicates();
            for (Entry entry : extra) {
                assertThat(entry.role()).isEqualTo(Role.NEGATIVE_ONLY);
                assertThat(inBatch).doesNotContain(entry.identity());
                assertThat(entry.face().identity())
                        .isEqualTo(UNEVEN.identities().get(entry.identity()));
                seen[UNEVEN.faces().indexOf(entry.face())]++;
            }
        }
        for (int face = 0; face < seen.length; face++) {
            // Some 200 to 400 each; five standard deviations of a Poisson count.
            assertThat((double) seen[face]).isCloseTo(expected[face], within(5 * Math.sqrt(expected[face])));
        }
    }

    @Test
    void fewerExtraNegativesWhereThereAreNotThatMany() {
        BatchPlan sampler = BatchPlan.builder(Folders.imagined(2, 2, 2))
                .identitiesPerBatch(2)
                .extraNegatives(100)
                .build();
        assertThat(sampler.sample(0, 0).size()).isEqualTo(6);
    }

    /** The people of the batches of an epoch, in order. */
    private static List<List<Integer>> people(BatchPlan sampler, int epoch, int batches) {
        return IntStream.range(0, batches)
                .mapToObj(batch -> sampler.sample(epoch, batch).entries().stream()
                        .filter(entry -> entry.role() == Role.FULL)
                        .map(Entry::identity)
                        .distinct()
                        .toList())
                .toList();
    }

    @Test
    void everyoneIsDrawnBeforeAnyoneIsDrawnAgain() {
        // Turns of ceil(8 / 3) = 3 batches; epochs of 4 batches begin anywhere in one.
        BatchPlan sampler = BatchPlan.builder(UNEVEN)
                .identitiesPerBatch(3)
                .imagesPerIdentity(2)
                .coverIdentities(4)
                .build();
        List<List<Integer>> all = new ArrayList<>();
        for (int epoch = 0; epoch < 600; epoch++) {
            all.addAll(people(sampler, epoch, 4));
            assertThat(sampler.identitiesInEpoch(epoch, 4)).isGreaterThanOrEqualTo(epoch % 3 == 1 ? 6 : 8);
        }
        int[] drawn = new int[8];
        Set<List<Integer>> orders = new HashSet<>();
        for (int first = 0; first < all.size(); first += 3) {
            List<Integer> turn =
                    all.subList(first, first + 3).stream().flatMap(List::stream).toList();
            assertThat(turn.subList(0, 8)).doesNotHaveDuplicates(); // the ninth is a filling
            assertThat(all.subList(first, first + 3)).allMatch(batch -> batch.size() == 3);
            turn.forEach(person -> drawn[person]++);
            orders.add(turn.subList(0, 8));
        }
        assertThat(orders).hasSizeGreaterThan(700); // of 800 turns
        // 800 turns and an eighth of the 800 fillings, which have a standard deviation below 10.
        assertThat(asList(drawn)).allSatisfy(count -> assertThat(count).isBetween(860, 940));
    }

    @Test
    void withCoverageABatchStillDependsOnItsAddressAlone() {
        BatchPlan.Builder builder = BatchPlan.builder(UNEVEN)
                .identitiesPerBatch(3)
                .imagesPerIdentity(2)
                .extraNegatives(3)
                .coverIdentities(4);
        BatchPlan forward = builder.build();
        BatchPlan backward = builder.build();
        List<BatchSample> samples = IntStream.range(0, 40)
                .mapToObj(i -> forward.sample(i / 4, i % 4))
                .toList();
        for (int i = 39; i >= 0; i--) {
            assertThat(backward.sample(i / 4, i % 4)).isEqualTo(samples.get(i));
        }
        assertThat(people(builder.seed(3).build(), 0, 4)).isNotEqualTo(people(forward, 0, 4));
        // All people in every batch: turns of one batch.
        assertThat(people(
                        BatchPlan.builder(UNEVEN)
                                .identitiesPerBatch(8)
                                .coverIdentities(4)
                                .build(),
                        1,
                        4))
                .allMatch(batch -> batch.size() == 8);
    }

    @Test
    void refusesWhatCannotBeDrawn() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BatchPlan.builder(Folders.imagined(2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2))
                        .build())
                .withMessage("identitiesPerBatch is 15 but the training set has 12 identities;"
                        + " lower identitiesPerBatch or add identities");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BatchPlan.builder(Folders.imagined(9))
                        .identitiesPerBatch(2)
                        .build())
                .withMessageContaining("the training set has 1 identity;");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BatchPlan.builder(Folders.imagined(1, 1, 1))
                        .identitiesPerBatch(2)
                        .build())
                .withMessageContaining("none of the 3 identities of the training set has two images");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BatchPlan.builder(Folders.imagined(2, 2))
                        .identitiesPerBatch(2)
                        .extraNegatives(1)
                        .build())
                .withMessageContaining("a batch takes all 2 identities already");
        BatchPlan.Builder builder = BatchPlan.builder(UNEVEN);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.identitiesPerBatch(1).build());
        builder.identitiesPerBatch(2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.imagesPerIdentity(1).build());
        assertThatIllegalArgumentException().isThrownBy(() -> builder.extraNegatives(-1));
    }
}
