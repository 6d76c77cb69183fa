package org.openface.core.sampling;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.internal.AddressedRandom;

/** The samplers that come with the library. */
final class BatchSamplers {
    // What a random number is for; part of its address.
    private static final int IDENTITIES = 1;
    private static final int IMAGES = 2;
    private static final int EXTRA_NEGATIVES = 3;
    private static final int TURN = 6;
    private static final int FILLING = 7;
    private static final int IMAGE_TURN = 8;

    private BatchSamplers() {}

    private static void checkShape(int identities, int images) {
        checkArgument(
                identities >= 2,
                "identitiesPerBatch is %s but a triplet needs a negative from another person; take at least 2",
                identities);
        checkArgument(
                images >= 2,
                "imagesPerIdentity is %s but a triplet needs an anchor and a positive; take at least 2",
                images);
    }

    /** So many people a batch, and up to so many images of each. */
    private abstract static class ByPerson implements BatchSampler.Batches {
        final FaceDataset faces;
        final int identitiesPerBatch;
        final int imagesPerIdentity;
        final long seed;
        /** Of each identity, the place of its first face among all. */
        private final int[] start;

        ByPerson(BatchSampler.Scope scope, int identitiesPerBatch, int imagesPerIdentity) {
            faces = scope.faces();
            seed = scope.seed();
            this.identitiesPerBatch = identitiesPerBatch;
            this.imagesPerIdentity = imagesPerIdentity;
            int identities = faces.identities().size();
            checkArgument(
                    identitiesPerBatch <= identities,
                    "identitiesPerBatch is %s but the training set has %s; lower identitiesPerBatch or add identities",
                    identitiesPerBatch,
                    identities == 1 ? "1 identity" : identities + " identities");
            checkArgument(
                    faces.size() > identities,
                    "none of the %s identities of the training set has two images; a triplet needs an anchor and a positive",
                    identities);
            start = starts(faces);
        }

        abstract int[] people(int epoch, int batch);

        int[] images(int epoch, int batch, int person, int count, int all) {
            return random(epoch, batch, IMAGES, person).distinct(count, all);
        }

        @Override
        public int maximumSize() {
            int[] perIdentity = IntStream.range(0, faces.identities().size())
                    .map(i -> Math.min(imagesPerIdentity, faces.faces(i).size()))
                    .sorted()
                    .toArray();
            long most = Arrays.stream(perIdentity)
                    .skip(perIdentity.length - identitiesPerBatch)
                    .asLongStream()
                    .sum();
            return (int) Math.min(most, faces.size());
        }

        @Override
        public int[] faces(int epoch, int batch) {
            IntStream.Builder chosen = IntStream.builder();
            for (int person : people(epoch, batch)) {
                int all = faces.faces(person).size();
                for (int image : images(epoch, batch, person, Math.min(imagesPerIdentity, all), all)) {
                    chosen.add(start[person] + image);
                }
            }
            return chosen.build().toArray();
        }

        AddressedRandom random(int epoch, int batch, int purpose, int index) {
            return AddressedRandom.at(seed, epoch, batch, purpose, index);
        }
    }

    /** Of each identity, the place of its first face among all. */
    private static int[] starts(FaceDataset faces) {
        int[] start = new int[faces.identities().size()];
        for (int person = 1; person < start.length; person++) {
            start[person] = start[person - 1] + faces.faces(person - 1).size();
        }
        return start;
    }

    record Drawn(int identities, int images) implements BatchSampler {
        Drawn {
            checkShape(identities, images);
        }

        @Override
        public Batches begin(Scope scope) {
            return new ByPerson(scope, identities, images) {
                @Override
                int[] people(int epoch, int batch) {
                    return random(epoch, batch, IDENTITIES, 0)
                            .distinct(identitiesPerBatch, faces.identities().size());
                }
            };
        }

        @Override
        public String toString() {
            return identities + " identities x " + images + " images";
        }
    }

    record Covering(int identities, int images, boolean everyImage) implements BatchSampler {
        Covering {
            checkShape(identities, images);
        }

        @Override
        public Batches begin(Scope scope) {
            return new Turns(scope, identities, images, everyImage);
        }

        @Override
        public String toString() {
            return identities + " identities x " + images + " images, covering all identities"
                    + (everyImage ? " and images" : "");
        }
    }

    private static final class Turns extends ByPerson {
        private final int batchesPerEpoch;
        private final boolean everyImage;

        /** The order of a turn. */
        @SuppressWarnings("ArrayRecordComponent") // never compared
        private record Turn(long number, int[] order) {}

        /** The last one used; made anew, alike, if another thread was quicker. */
        private volatile Turn turn = new Turn(-1, new int[0]);

        Turns(BatchSampler.Scope scope, int identities, int images, boolean everyImage) {
            super(scope, identities, images);
            batchesPerEpoch = scope.batchesPerEpoch();
            this.everyImage = everyImage;
        }

        @Override
        int[] people(int epoch, int batch) {
            int all = faces.identities().size();
            int batchesPerTurn = (all + identitiesPerBatch - 1) / identitiesPerBatch;
            long position = (long) epoch * batchesPerEpoch + batch;
            int[] order = turn(position / batchesPerTurn);
            int from = (int) (position % batchesPerTurn) * identitiesPerBatch;
            int[] people = Arrays.copyOfRange(order, from, from + identitiesPerBatch);
            if (from + identitiesPerBatch > all) {
                // The last of the turn: those who are still to come, and others.
                int[] others = random(epoch, batch, FILLING, 0).distinct(from + identitiesPerBatch - all, from);
                for (int i = 0; i < others.length; i++) {
                    people[all - from + i] = order[others[i]];
                }
            }
            return people;
        }

        private int[] turn(long number) {
            Turn last = turn;
            if (last.number() != number) {
                int all = faces.identities().size();
                last = new Turn(number, AddressedRandom.at(seed, TURN, number).distinct(all, all));
                turn = last;
            }
            return last.order();
        }

        @Override
        int[] images(int epoch, int batch, int person, int count, int all) {
            int batchesPerTurn = (faces.identities().size() + identitiesPerBatch - 1) / identitiesPerBatch;
            long position = (long) epoch * batchesPerEpoch + batch;
            long number = position / batchesPerTurn;
            int[] order = turn(number);
            int from = (int) (position % batchesPerTurn) * identitiesPerBatch;
            boolean filling = IntStream.range(from, Math.min(order.length, from + identitiesPerBatch))
                    .noneMatch(i -> order[i] == person);
            if (!everyImage || filling) {
                return super.images(epoch, batch, person, count, all);
            }
            // A person comes once in each turn of people, so that its number tells how much has been shown.
            int visits = (all + count - 1) / count;
            int[] images = AddressedRandom.at(seed, IMAGE_TURN, number / visits, person)
                    .distinct(all, all);
            int begin = (int) (number % visits) * count;
            int[] chosen = Arrays.copyOfRange(images, begin, begin + count);
            if (begin + count > all) {
                int[] others = random(epoch, batch, FILLING, person + 1).distinct(begin + count - all, begin);
                for (int i = 0; i < others.length; i++) {
                    chosen[all - begin + i] = images[others[i]];
                }
            }
            return chosen;
        }
    }

    record Weighted(String name, ToDoubleFunction<String> weight, int identities, int images) implements BatchSampler {
        Weighted {
            checkName(name);
            requireNonNull(weight, "weight must not be null");
            checkShape(identities, images);
        }

        @Override
        public Batches begin(Scope scope) {
            double[] weights = scope.faces().identities().stream()
                    .mapToDouble(identity -> checkWeight(identity, weight.applyAsDouble(identity)))
                    .toArray();
            long drawable = Arrays.stream(weights).filter(w -> w > 0).count();
            checkArgument(
                    drawable >= identities,
                    "identitiesPerBatch is %s but only %s identities have a weight above 0",
                    identities,
                    drawable);
            return new ByPerson(scope, identities, images) {
                @Override
                int[] people(int epoch, int batch) {
                    // The smallest of exponential numbers with these rates (Efraimidis and Spirakis, 2006).
                    AddressedRandom random = random(epoch, batch, IDENTITIES, 0);
                    double[] keys = new double[weights.length];
                    for (int i = 0; i < keys.length; i++) {
                        double exponential = -StrictMath.log(1 - random.nextDouble());
                        keys[i] = weights[i] > 0 ? exponential / weights[i] : Double.POSITIVE_INFINITY;
                    }
                    return IntStream.range(0, keys.length)
                            .boxed()
                            .sorted(Comparator.comparingDouble(i -> keys[i]))
                            .limit(identitiesPerBatch)
                            .mapToInt(i -> i)
                            .toArray();
                }
            };
        }

        private static double checkWeight(String identity, double weight) {
            checkArgument(
                    weight >= 0 && Double.isFinite(weight),
                    "the weight of identity '%s' is %s; weights are finite and not negative",
                    identity,
                    weight);
            return weight;
        }

        @Override
        public String toString() {
            return identities + " identities x " + images + " images, weighted by " + name;
        }
    }

    record LookAlikes(int identities, int images, int group) implements BatchSampler {
        LookAlikes {
            checkShape(identities, images);
            checkArgument(
                    group >= 2 && group <= identities,
                    "a group of %s look-alikes must have from 2 to identitiesPerBatch (%s)",
                    group,
                    identities);
        }

        @Override
        public Batches begin(Scope scope) {
            return new Groups(scope, identities, images, group);
        }

        @Override
        public String toString() {
            return identities + " identities x " + images + " images, look-alikes in groups of " + group;
        }
    }

    private static final class Groups extends ByPerson {
        private final int group;
        private volatile Centres centres;
        /** The people of the epoch's batches: who is asked again, as for a count at its end, does not search again. */
        private final Map<Integer, int[]> chosen = new ConcurrentHashMap<>();

        private volatile int chosenIn;

        Groups(BatchSampler.Scope scope, int identities, int images, int group) {
            super(scope, identities, images);
            this.group = group;
            centres = Centres.none(scope.faces().identities().size(), 1);
        }

        @Override
        public boolean needsCentres() {
            return true;
        }

        @Override
        public void beginEpoch(int epoch, Centres now) {
            chosen.clear();
            chosenIn = epoch;
            centres = now;
        }

        @Override
        int[] people(int epoch, int batch) {
            return epoch == chosenIn
                    ? chosen.computeIfAbsent(batch, b -> choose(epoch, b)).clone()
                    : choose(epoch, batch);
        }

        private int[] choose(int epoch, int batch) {
            Centres now = centres;
            int all = faces.identities().size();
            int[] order = random(epoch, batch, IDENTITIES, 0).distinct(all, all);
            boolean[] taken = new boolean[all];
            int[] people = new int[identitiesPerBatch];
            int count = 0;
            for (int i = 0; count < identitiesPerBatch; i++) {
                int first = order[i];
                if (!taken[first]) {
                    taken[first] = true;
                    people[count++] = first;
                    int wanted = Math.min(group - 1, identitiesPerBatch - count);
                    if (now.isKnown(first) && wanted > 0) {
                        for (int other : now.nearest(first, wanted, taken)) {
                            taken[other] = true;
                            people[count++] = other;
                        }
                    }
                }
            }
            return people;
        }
    }

    record WithExtraNegatives(BatchSampler sampler, int count) implements BatchSampler {
        WithExtraNegatives {
            checkArgument(count >= 0, "extraNegatives (%s) must not be negative", count);
        }

        @Override
        public Batches begin(Scope scope) {
            Batches batches = sampler.begin(scope);
            FaceDataset faces = scope.faces();
            int[] start = starts(faces);
            return new Batches() {
                @Override
                public int maximumSize() {
                    return (int) Math.min((long) batches.maximumSize() + count, faces.size());
                }

                @Override
                public int[] faces(int epoch, int batch) {
                    return batches.faces(epoch, batch);
                }

                @Override
                public int[] extraNegatives(int epoch, int batch, int[] chosen) {
                    AddressedRandom random = AddressedRandom.at(scope.seed(), epoch, batch, EXTRA_NEGATIVES, 0);
                    return outsiders(faces, start, chosen, count, random);
                }

                @Override
                public boolean needsCentres() {
                    return batches.needsCentres();
                }

                @Override
                public void beginEpoch(int epoch, Centres centres) {
                    batches.beginEpoch(epoch, centres);
                }
            };
        }

        @Override
        public String toString() {
            return sampler + ", " + count + " extra negatives";
        }
    }

    /** Random faces of anyone but the people of some faces. */
    private static int[] outsiders(FaceDataset faces, int[] start, int[] chosen, int count, AddressedRandom random) {
        int[] people =
                Arrays.stream(chosen).map(faces::identityOf).sorted().distinct().toArray();
        int available = faces.size();
        for (int person : people) {
            available -= faces.faces(person).size();
        }
        int[] outside = random.distinct(Math.min(count, available), available);
        for (int i = 0; i < outside.length; i++) {
            // The number counts faces as if the people's were not there: step over each of them in order.
            for (int person : people) {
                if (outside[i] < start[person]) {
                    break;
                }
                outside[i] += faces.faces(person).size();
            }
        }
        return outside;
    }

    record Named(String name, BatchSampler sampler) implements BatchSampler {
        Named {
            checkName(name);
            requireNonNull(sampler, "sampler must not be null");
        }

        @Override
        public Batches begin(Scope scope) {
            return sampler.begin(scope);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private static void checkName(String name) {
        checkArgument(
                !name.isBlank() && name.chars().noneMatch(Character::isISOControl),
                "a sampler's name must be one line of text, got '%s'",
                name);
    }
}
