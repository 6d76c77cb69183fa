package org.openface.core.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.Folders;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.internal.batch.BatchPlan;
import org.openface.core.sampling.BatchSampler.Batches;
import org.openface.core.sampling.BatchSampler.Scope;

class BatchSamplerTest {
    private static final FaceDataset UNEVEN = Folders.imagined(1, 7, 2, 30, 4, 1, 9, 3);
    private static final int BATCHES = 11;

    private static Batches begin(BatchSampler sampler) {
        return sampler.begin(new Scope(UNEVEN, BATCHES, 5));
    }

    private static List<Integer> people(int[] faces) {
        return Arrays.stream(faces).map(UNEVEN::identityOf).distinct().boxed().toList();
    }

    static List<BatchSampler> samplers() {
        return List.of(
                BatchSampler.openFace(3, 4),
                BatchSampler.covering(3, 4),
                BatchSampler.balanced(3, 4),
                BatchSampler.weighted("by length", name -> 1 + name.length(), 3, 4),
                BatchSampler.lookAlikes(3, 4, 2),
                BatchSampler.openFace(3, 4).withExtraNegatives(5));
    }

    @Test
    void takesDifferentPeopleAndDifferentImagesInAnyOrderOfAsking() {
        for (BatchSampler sampler : samplers()) {
            Batches forwards = begin(sampler);
            Batches backwards = begin(sampler);
            List<int[]> all = new ArrayList<>();
            for (int batch = 0; batch < 3 * BATCHES; batch++) {
                int[] faces = forwards.faces(1 + batch / BATCHES, batch % BATCHES);
                all.add(faces);
                assertThat(Arrays.stream(faces).boxed()).as("%s", sampler).doesNotHaveDuplicates();
                assertThat(people(faces)).hasSize(3);
                int expected = people(faces).stream()
                        .mapToInt(person -> Math.min(4, UNEVEN.faces(person).size()))
                        .sum();
                assertThat(faces).hasSize(expected);
                int[] extra = forwards.extraNegatives(1 + batch / BATCHES, batch % BATCHES, faces);
                assertThat(people(extra)).doesNotContainAnyElementsOf(people(faces));
                assertThat(faces.length + extra.length).isLessThanOrEqualTo(forwards.maximumSize());
            }
            for (int batch = 3 * BATCHES - 1; batch >= 0; batch--) {
                assertThat(backwards.faces(1 + batch / BATCHES, batch % BATCHES))
                        .isEqualTo(all.get(batch));
            }
            Batches otherSeed = sampler.begin(new Scope(UNEVEN, BATCHES, 6));
            assertThat(IntStream.range(0, BATCHES)
                            .filter(b -> !Arrays.equals(otherSeed.faces(1, b), all.get(b)))
                            .count())
                    .isPositive();
        }
    }

    /** In the order of batches, in which a person is shown once a turn, each run of visits shows all images of the person. */
    @Test
    void balancedShowsEveryImageBeforeAnyComesAgain() {
        Batches batches = begin(BatchSampler.balanced(4, 4)); // 8 people: two batches a turn, none of them filled up
        for (int person = 0; person < 8; person++) {
            int all = UNEVEN.faces(person).size();
            int count = Math.min(4, all);
            int visits = (all + count - 1) / count;
            List<List<Integer>> shown = new ArrayList<>();
            for (int position = 2 * 120;
                    position < 2 * 240;
                    position++) { // turns 120 to 239: whole runs of 1, 2, 3 and 8
                int[] faces = batches.faces(position / BATCHES, position % BATCHES);
                int who = person;
                List<Integer> own = Arrays.stream(faces)
                        .filter(face -> UNEVEN.identityOf(face) == who)
                        .boxed()
                        .toList();
                if (!own.isEmpty()) {
                    shown.add(own);
                }
            }
            assertThat(shown).hasSize(120);
            for (int run = 0; run + visits <= 120; run += visits) {
                List<Integer> inRun = new ArrayList<>();
                shown.subList(run, run + visits).forEach(inRun::addAll);
                assertThat(inRun.stream().distinct()).as("person %s", person).hasSize(all);
                assertThat(Collections.max(inRun.stream()
                                .map(face -> Collections.frequency(inRun, face))
                                .toList()))
                        .isLessThanOrEqualTo(2);
            }
        }
    }

    @Test
    void peopleAreAsLikelyAsTheirWeights() {
        List<String> names = UNEVEN.identities();
        double[] weights = {0, 1, 1, 1, 1, 1, 1, 4};
        Batches batches = begin(BatchSampler.weighted("last four times", name -> weights[names.indexOf(name)], 2, 2));
        int[] first = new int[8];
        int draws = 20_000;
        for (int i = 0; i < draws; i++) {
            int[] faces = batches.faces(i / 100, i % 100);
            first[people(faces).get(0)]++;
        }
        for (int person = 0; person < 8; person++) {
            assertThat((double) first[person] / draws).isCloseTo(weights[person] / 10, within(0.012));
        }
        assertThatThrownBy(() -> begin(BatchSampler.weighted("w", name -> -1, 2, 2)))
                .hasMessageContaining("weight of identity");
        assertThatThrownBy(() -> begin(BatchSampler.weighted("w", name -> name.equals(names.get(1)) ? 1 : 0, 2, 2)))
                .hasMessageContaining("only 1 identities have a weight above 0");
    }

    private static Centres centres(int identities, int dimension, boolean[] known) {
        Random random = new Random(3);
        float[] means = new float[identities * dimension];
        for (int i = 0; i < means.length; i++) {
            means[i] = random.nextFloat();
        }
        return new Centres(new EmbeddingBatch(dimension, means), known);
    }

    private static List<Integer> nearestByHand(Centres centres, int identity, boolean[] except) {
        return IntStream.range(0, centres.identities())
                .boxed()
                .filter(other -> other != identity && centres.isKnown(other) && !except[other])
                .sorted(Comparator.comparingDouble(other -> centres.means()
                        .get(identity)
                        .squaredDistance(centres.means().get(other))))
                .toList();
    }

    @Test
    void theNearestCentresAreThoseOfABruteSearch() {
        boolean[] known = new boolean[200];
        Random random = new Random(4);
        for (int i = 0; i < known.length; i++) {
            known[i] = random.nextInt(5) > 0;
        }
        Centres centres = centres(200, 7, known);
        boolean[] except = new boolean[200];
        except[17] = true;
        except[40] = true;
        for (int identity = 0; identity < 200; identity++) {
            List<Integer> all = nearestByHand(centres, identity, except);
            for (int count : new int[] {1, 5, 400}) {
                assertThat(centres.nearest(identity, count, except))
                        .containsExactly(all.subList(0, Math.min(count, all.size())).stream()
                                .mapToInt(i -> i)
                                .toArray());
            }
        }
    }

    @Test
    void lookAlikesAreGroupsOfNeighboursOnceTheyAreKnown() {
        boolean[] known = {true, true, true, true, true, true, true, false};
        Batches batches = begin(BatchSampler.lookAlikes(6, 2, 3));
        assertThat(batches.needsCentres()).isTrue();
        int[] before = batches.faces(2, 4);
        Centres centres = centres(8, 5, known);
        batches.beginEpoch(2, centres);
        int different = 0;
        for (int batch = 0; batch < 50; batch++) {
            List<Integer> people = people(batches.faces(2, batch));
            boolean[] taken = new boolean[8];
            for (int i = 0; i < 6; ) {
                int first = people.get(i++);
                taken[first] = true;
                if (known[first]) {
                    for (int other : nearestByHand(centres, first, taken).stream()
                            .limit(Math.min(2, 6 - i))
                            .toList()) {
                        assertThat(people.get(i++)).isEqualTo(other);
                        taken[other] = true;
                    }
                }
            }
            different += Arrays.equals(batches.faces(2, batch), before) ? 0 : 1;
        }
        assertThat(different).isGreaterThan(40);
        Batches resumed = begin(BatchSampler.lookAlikes(6, 2, 3));
        resumed.beginEpoch(2, centres);
        assertThat(resumed.faces(2, 7)).isEqualTo(batches.faces(2, 7));
        batches.beginEpoch(3, Centres.none(8, 5));
        assertThat(batches.faces(2, 4)).isEqualTo(before);
    }

    @Test
    void whatOneWritesOneselfIsHeldToWhatItSays() {
        BatchSampler own = BatchSampler.named("first faces", scope -> new Batches() {
            @Override
            public int maximumSize() {
                return 4;
            }

            @Override
            public int[] faces(int epoch, int batch) {
                return batch == 0 ? new int[] {1, 2, 8, 9} : batch == 1 ? new int[5] : new int[] {57};
            }
        });
        assertThat(own).hasToString("first faces");
        BatchPlan plan = BatchPlan.of(own, UNEVEN, BATCHES, false, 1);
        assertThat(plan.sample(1, 0).entries())
                .extracting(entry -> entry.identity())
                .containsExactly(1, 1, 2, 2);
        assertThatThrownBy(() -> plan.sample(1, 1))
                .hasMessageContaining("chose 5 faces for batch 1 of epoch 1, and said that there are at most 4");
        assertThatThrownBy(() -> plan.sample(1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> BatchSampler.named("", own)).hasMessageContaining("one line");
    }

    @Test
    void saysWhatItIs() {
        assertThat(samplers())
                .extracting(Object::toString)
                .containsExactly(
                        "3 identities x 4 images",
                        "3 identities x 4 images, covering all identities",
                        "3 identities x 4 images, covering all identities and images",
                        "3 identities x 4 images, weighted by by length",
                        "3 identities x 4 images, look-alikes in groups of 2",
                        "3 identities x 4 images, 5 extra negatives");
        assertThatThrownBy(() -> BatchSampler.openFace(1, 4)).hasMessageContaining("identitiesPerBatch is 1");
        assertThatThrownBy(() -> BatchSampler.covering(2, 1)).hasMessageContaining("imagesPerIdentity is 1");
        assertThatThrownBy(() -> BatchSampler.lookAlikes(4, 4, 5)).hasMessageContaining("a group of 5");
        assertThatThrownBy(() -> BatchSampler.openFace(4, 4).withExtraNegatives(-1))
                .hasMessageContaining("extraNegatives (-1)");
    }
}
