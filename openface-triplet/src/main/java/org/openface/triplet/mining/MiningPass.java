package org.openface.triplet.mining;

import java.util.Arrays;
import org.openface.core.embedding.Distance;
import org.openface.triplet.internal.MiningThreads;

/**
 * Executes a strategy on one batch, anchor by anchor, on any number of threads with one result.
 *
 * <p>The distances of an anchor to all images serve all its pairs. Each pair asks which negatives lie below a distance
 * of its own (a <em>bound</em>; see {@link Band}), so the anchor's bounds are sorted and each negative is put into the
 * bucket between two of them: bucket b holds the negatives below exactly b bounds. That is one short vectorised loop per
 * bound, and whatever a pair wants to know is then read from the buckets, which are few: how many negatives violate the
 * constraint, how large the sum of their distances is, which is the nearest. Counts are kept per block of {@value
 * #BLOCK} images too, so that the r-th eligible negative in the order of the batch is found by looking into one block.
 * No list of violating negatives and nothing of size N × N is ever made.
 *
 * <p>In one file although it is long: the worker is one loop over arrays that its steps share, which the compiler sees as a
 * whole.
 */
final class MiningPass {
    private static final int BLOCK = 64;

    /** Anchors whose distances are computed together: enough to use a panel of embeddings while it is in the cache. */
    private static final int ANCHORS = 32;

    private final MiningBatch in;
    private final ChosenPairs pairs;
    private final TripletFilter filter;
    private final NegativeSelector negatives;
    private final Band band;
    private final boolean extremes;
    /** Whether every pair of an anchor draws from the same negatives by weight. */
    private final boolean weighted;

    private final float margin;
    private final int total;
    private final int anchorsPerTask;

    /** By task. */
    private final Triplets.Builder[] chosen;

    private final MiningTally tally;

    MiningPass(MiningBatch in, ChosenPairs pairs, TripletFilter filter, NegativeSelector negatives) {
        this.in = in;
        this.pairs = pairs;
        this.filter = filter;
        this.negatives = negatives;
        band = TripletFilters.bandOf(filter);
        extremes = band.exact() && (negatives == NegativeSelectors.HARDEST || negatives == NegativeSelectors.SOFTEST);
        weighted = filter == TripletFilters.ANY && negatives == NegativeSelectors.DISTANCE_WEIGHTED;
        margin = in.margin();
        total = in.sizeWithReferences();
        int runs = pairs.runs();
        anchorsPerTask = Math.max(1, Math.min(ANCHORS, runs / 8));
        chosen = new Triplets.Builder[(runs + anchorsPerTask - 1) / anchorsPerTask];
        tally = new MiningTally(in, pairs);
    }

    Triplets run(int threads) {
        MiningThreads.run(threads, chosen.length, () -> {
            Worker worker = new Worker();
            return worker::task;
        });
        Triplets.Builder triplets = Triplets.builder(in);
        for (Triplets.Builder part : chosen) {
            triplets.append(part);
        }
        return triplets.statistics(tally.statistics()).build();
    }

    /** Adds to each negative's bucket how many of eight bounds it lies below; both less than 2^31, so this is a sign. */
    private static void addBelow(int[] distances, int[] buckets, int[] bound, int first) {
        int b0 = bound[first];
        int b1 = bound[first + 1];
        int b2 = bound[first + 2];
        int b3 = bound[first + 3];
        int b4 = bound[first + 4];
        int b5 = bound[first + 5];
        int b6 = bound[first + 6];
        int b7 = bound[first + 7];
        for (int j = 0; j < buckets.length; j++) {
            int d = distances[j];
            buckets[j] += ((d - b0) >>> 31)
                    + ((d - b1) >>> 31)
                    + ((d - b2) >>> 31)
                    + ((d - b3) >>> 31)
                    + ((d - b4) >>> 31)
                    + ((d - b5) >>> 31)
                    + ((d - b6) >>> 31)
                    + ((d - b7) >>> 31);
        }
    }

    private static void toBits(Distance measure, float[] from, int[] to, int offset) {
        if (measure == Distance.SQUARED_EUCLIDEAN) {
            for (int j = 0; j < from.length; j++) {
                to[offset + j] = Float.floatToRawIntBits(from[j]);
            }
        } else {
            for (int j = 0; j < from.length; j++) {
                to[offset + j] = Float.floatToRawIntBits(measure.ofSquared(from[j]));
            }
        }
    }

    /** One thread's scratch memory, and what the thread does with one anchor after the other. */
    private final class Worker implements NegativeSelector.Sink {
        private final float[][] rows = in.distances().rows(anchorsPerTask);
        /** Of the anchor, by image: squared distance as bits, and bucket. */
        private final int[] distances = new int[total];

        private final int[] buckets = new int[total];

        /** Of the anchor, by pair: where it stands among the chosen pairs is {@code firstPair + i}. */
        private int[] met = new int[8];

        private int[] from = new int[8];
        private int[] to = new int[8];
        private float[] positive = new float[8];

        /** The anchor's bounds, ascending, then zeros up to a multiple of eight. */
        private int[] bound = new int[16];

        private int bounds;

        /** {@code [block][bounds + 2]}: negatives of a block in bucket b or a higher one. */
        private int[] blockCount = new int[0];

        private final int blocks = (total + BLOCK - 1) / BLOCK;

        /** By bucket, over all blocks: negatives in it or a higher one, and the sum of their distances. */
        private int[] count = new int[0];

        private double[] sum = new double[0];

        /** By bucket, where the selector wants extremes: the nearest and the farthest in it, the first of equal ones. */
        private int[] nearestOf = new int[0];

        private int[] farthestOf = new int[0];

        /** Of the anchor, where negatives are drawn by weight. */
        private final double[] weightSums = new double[weighted ? total : 0];

        private final Nearest ranks = new Nearest(total);
        private boolean ranked;
        private final int[] found = new int[Math.min(total, ranksWanted())];

        private final Candidates candidates = new Candidates(in);
        private final Draws.Draw draw = new Draws.Draw(in.draws().key());
        private Triplets.Builder out = Triplets.builder(in);
        private int anchor;

        void task(int task) {
            out = Triplets.builder(in);
            int first = task * anchorsPerTask;
            int runs = Math.min(anchorsPerTask, pairs.runs() - first);
            int[] vectors = new int[runs];
            for (int i = 0; i < runs; i++) {
                vectors[i] = in.begin(pairs.anchor(first + i));
            }
            in.distances().compute(in.measured(), vectors, runs, rows);
            int panels = in.distances().panels();
            for (int i = 0; i < runs; i++) {
                for (int panel = 0; panel < panels; panel++) {
                    toBits(in.measure(), rows[i * panels + panel], distances, panel * PairwiseDistances.PANEL);
                }
                mine(first + i);
            }
            chosen[task] = out;
        }

        private void mine(int run) {
            anchor = pairs.anchor(run);
            int firstPair = pairs.start(run);
            int pairCount = pairs.start(run + 1) - firstPair;
            tally.positiveDistances[run] = readPairs(firstPair, pairCount);
            int others = total - fillBuckets();
            countBuckets();
            noteNearest(run);
            ranked = false;
            if (weighted) {
                sumWeights();
            }
            tally.all[run] = (long) pairCount * others;
            tally.negativeDistances[run] = pairCount * sum[0];
            for (int i = 0; i < pairCount; i++) {
                int image = pairs.positive(firstPair + i);
                // The positive's own place no longer holds its distance.
                float ap = positive[i];
                int level = level(met[i]);
                int violators = count[level];
                if (violators > 0) {
                    tally.violating[run] += violators;
                    tally.violatingPairs[run]++;
                    tally.hinges[run] += violators * ((double) ap + margin) - sum[level];
                }
                if (choose(i, image, ap)) {
                    tally.eligiblePairs[run]++;
                }
            }
        }

        /** Reads the distances of the positives and sets all bounds; returns the sum of the distances. */
        private double readPairs(int firstPair, int pairCount) {
            if (pairCount > met.length) {
                int room = Math.max(pairCount, 2 * met.length);
                met = new int[room];
                from = new int[room];
                to = new int[room];
                positive = new float[room];
                bound = new int[2 * room + 8];
            }
            double positives = 0;
            bounds = 0;
            for (int i = 0; i < pairCount; i++) {
                int bits = distances[pairs.positive(firstPair + i)];
                positive[i] = Float.intBitsToFloat(bits);
                positives += positive[i];
                met[i] = Band.met(positive[i], margin);
                from[i] = band.from(bits, met[i]);
                to[i] = band.to(bits, met[i]);
                bound[bounds++] = met[i];
                if (band.needsPositive()) {
                    bound[bounds++] = bits + 1;
                }
            }
            Arrays.sort(bound, 0, bounds);
            Arrays.fill(bound, bounds, (bounds + 7) / 8 * 8, 0);
            return positives;
        }

        /** Returns how many images are of the anchor's identity; they get a bucket above all others. */
        private int fillBuckets() {
            int alike = 0;
            int image = anchor;
            do {
                distances[image] = Integer.MAX_VALUE;
                alike++;
                image = in.nextAlike(image);
            } while (image != anchor);
            Arrays.fill(buckets, 0);
            for (int b = 0; b < bounds; b += 8) {
                addBelow(distances, buckets, bound, b);
            }
            do {
                buckets[image] = bounds + 1;
                image = in.nextAlike(image);
            } while (image != anchor);
            return alike;
        }

        /** Running sums over the batch: those of images that are no negatives do not grow, and so are never drawn. */
        private void sumWeights() {
            SphereWeights weights = in.sphereWeights();
            double sum = 0;
            for (int j = 0; j < total; j++) {
                if (buckets[j] <= bounds) {
                    sum += weights.of(in.measure(), Float.intBitsToFloat(distances[j]));
                }
                weightSums[j] = sum;
            }
        }

        private void countBuckets() {
            int width = bounds + 2;
            if (blockCount.length < blocks * width) {
                blockCount = new int[blocks * width];
                count = new int[width];
                sum = new double[4 * width];
                nearestOf = new int[width];
                farthestOf = new int[width];
            }
            Arrays.fill(blockCount, 0, blocks * width, 0);
            Arrays.fill(count, 0, width, 0);
            Arrays.fill(sum, 0, 4 * width, 0);
            // Four blocks in turn: neighbours often share a bucket, and would wait for one another to be counted.
            int block = 0;
            for (; (block + 4) * BLOCK <= total; block += 4) {
                for (int j = block * BLOCK; j < (block + 1) * BLOCK; j++) {
                    tally(j, block * width, 0);
                    tally(j + BLOCK, (block + 1) * width, width);
                    tally(j + 2 * BLOCK, (block + 2) * width, 2 * width);
                    tally(j + 3 * BLOCK, (block + 3) * width, 3 * width);
                }
            }
            for (int j = block * BLOCK; j < total; j++) {
                tally(j, j / BLOCK * width, 0);
            }
            for (int b = 0; b < bounds + 1; b++) {
                sum[b] = sum[b] + sum[width + b] + (sum[2 * width + b] + sum[3 * width + b]);
            }
            sum[bounds + 1] = 0;
            for (int b = bounds - 1; b >= 0; b--) {
                sum[b] += sum[b + 1];
            }
            for (int at = 0; at < blocks * width; at += width) {
                blockCount[at + bounds + 1] = 0;
                for (int b = bounds; b >= 0; b--) {
                    blockCount[at + b] += blockCount[at + b + 1];
                    count[b] += blockCount[at + b];
                }
            }
        }

        private void tally(int image, int blockAt, int lane) {
            int bucket = buckets[image];
            blockCount[blockAt + bucket]++;
            sum[lane + bucket] += Float.intBitsToFloat(distances[image]);
        }

        /** The hardest negative of the anchor, and where the selector needs them the extremes of every bucket. */
        private void noteNearest(int run) {
            int least = Integer.MAX_VALUE;
            tally.nearest[run] = -1;
            for (int j = 0; j < total; j++) {
                if (distances[j] < least) {
                    least = distances[j];
                    tally.nearest[run] = j;
                }
            }
            tally.nearestDistances[run] = Float.intBitsToFloat(least);
            if (extremes) {
                Arrays.fill(nearestOf, 0, bounds + 2, -1);
                Arrays.fill(farthestOf, 0, bounds + 2, -1);
                for (int j = 0; j < total; j++) {
                    int b = buckets[j];
                    if (nearestOf[b] < 0 || distances[j] < distances[nearestOf[b]]) {
                        nearestOf[b] = j;
                    }
                    if (farthestOf[b] < 0 || distances[j] > distances[farthestOf[b]]) {
                        farthestOf[b] = j;
                    }
                }
            }
        }

        /** The negatives below a bound are those whose bucket is at least its level. */
        private int level(int value) {
            if (value == 0) {
                return bounds + 1;
            }
            int low = 0;
            int high = bounds;
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (bound[middle] < value) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return bounds - low;
        }

        /** Chooses negatives for a pair; false if none is eligible. */
        private boolean choose(int i, int image, float ap) {
            // Eligible, as far as the band can tell, are the buckets from low to high - 1.
            int low = level(to[i]);
            int high = level(from[i]);
            int bandSize = low < high ? count[low] - count[high] : 0;
            if (bandSize == 0) {
                return false;
            }
            draw.moveTo(anchor, image);
            if (band.exact() && negatives == NegativeSelectors.RANDOM) {
                append(image, ap, inOrder(draw.below(bandSize), low, high));
                return true;
            }
            if (band.exact() && negatives == NegativeSelectors.HARDEST) {
                int bucket = high - 1;
                while (nearestOf[bucket] < 0) {
                    bucket--;
                }
                append(image, ap, nearestOf[bucket]);
                return true;
            }
            if (band.exact() && negatives == NegativeSelectors.SOFTEST) {
                int bucket = low;
                while (farthestOf[bucket] < 0) {
                    bucket++;
                }
                append(image, ap, farthestOf[bucket]);
                return true;
            }
            if (weighted) {
                int drawn = SphereWeights.draw(weightSums, total, draw);
                if (drawn >= 0) {
                    append(image, ap, drawn);
                }
                return true;
            }
            if (negatives == NegativeSelectors.HARDEST) {
                int accepted = findNearest(i, ap);
                if (accepted > 0) {
                    append(image, ap, found[0]);
                }
                return accepted > 0;
            }
            if (negatives instanceof NegativeSelectors.Rank rank) {
                int accepted = findNearest(i, ap);
                int eligible = Math.min(rank.to(), accepted) - rank.from() + 1;
                if (eligible > 0) {
                    append(image, ap, found[rank.from() - 1 + draw.below(eligible)]);
                }
                return accepted > 0;
            }
            collect(image, ap, low, high);
            if (candidates.size() == 0) {
                return false;
            }
            negatives.select(candidates, draw, this);
            return true;
        }

        private void append(int image, float ap, int negative) {
            out.append(anchor, image, negative, ap, Float.intBitsToFloat(distances[negative]));
        }

        /** What a selector chose of {@link #candidates}. */
        @Override
        public void add(int candidate) {
            out.append(
                    anchor,
                    candidates.positive(),
                    candidates.index(candidate),
                    candidates.positiveDistance(),
                    candidates.distance(candidate));
        }

        /** The negative of a rank, in the order of the batch, among those of the buckets {@code low} to {@code high - 1}. */
        private int inOrder(int rank, int low, int high) {
            int width = bounds + 2;
            int left = rank;
            int block = 0;
            for (int at = 0; ; at += width, block++) {
                int here = blockCount[at + low] - blockCount[at + high];
                if (left < here) {
                    break;
                }
                left -= here;
            }
            int image = block * BLOCK;
            for (; ; image++) {
                if (buckets[image] >= low && buckets[image] < high) {
                    if (left == 0) {
                        return image;
                    }
                    left--;
                }
            }
        }

        private void collect(int image, float ap, int low, int high) {
            candidates.moveTo(anchor, image, ap);
            int width = bounds + 2;
            for (int block = 0; block < blocks; block++) {
                if (blockCount[block * width + low] == blockCount[block * width + high]) {
                    continue;
                }
                int end = Math.min(total, (block + 1) * BLOCK);
                for (int j = block * BLOCK; j < end; j++) {
                    if (buckets[j] >= low && buckets[j] < high) {
                        float an = Float.intBitsToFloat(distances[j]);
                        if (band.exact() || filter.accepts(ap, an, margin)) {
                            candidates.add(j, an);
                        }
                    }
                }
            }
        }

        /** Puts the nearest accepted negatives into {@link #found}, no more than the selector wants; returns how many. */
        private int findNearest(int i, float ap) {
            if (!ranked) {
                ranks.clear();
                for (int j = 0; j < total; j++) {
                    if (buckets[j] <= bounds) {
                        ranks.add(distances[j], j);
                    }
                }
                ranks.order();
                ranked = true;
            }
            int accepted = 0;
            for (int rank = 0; rank < ranks.size() && accepted < found.length; rank++) {
                int distance = ranks.distance(rank);
                if (distance >= to[i]) {
                    break;
                }
                if (distance >= from[i]
                        && (band.exact() || filter.accepts(ap, Float.intBitsToFloat(distance), margin))) {
                    found[accepted++] = ranks.image(rank);
                }
            }
            return accepted;
        }
    }

    private int ranksWanted() {
        return negatives instanceof NegativeSelectors.Rank rank ? rank.to() : 1;
    }
}
