package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import org.openface.triplet.internal.Description;

/** The schedules that come with the library; records, so that their words are the same in every run. */
final class Schedules {
    private Schedules() {}

    record Constant() implements LearningRateSchedule {
        @Override
        public double factor(double epochs) {
            return 1;
        }

        @Override
        public String toString() {
            return "constant";
        }
    }

    record Step(double every, double by) implements LearningRateSchedule {
        Step {
            checkEpochs(every);
            checkArgument(by > 0 && by <= 1, "factor (%s) must be in (0, 1]", by);
        }

        @Override
        public double factor(double epochs) {
            return Math.pow(by, Math.floor(epochs / every));
        }

        @Override
        public String toString() {
            return "times " + by + " every " + every + " epochs";
        }
    }

    record Cosine(double length, double floor) implements LearningRateSchedule {
        Cosine {
            checkEpochs(length);
            checkArgument(floor >= 0 && floor <= 1, "floor (%s) must be in [0, 1]", floor);
        }

        @Override
        public double factor(double epochs) {
            double share = Math.min(1, epochs / length);
            return floor + (1 - floor) * (1 + Math.cos(Math.PI * share)) / 2;
        }

        @Override
        public String toString() {
            return "cosine over " + length + " epochs to " + floor;
        }
    }

    record WarmUp(LearningRateSchedule after, double length) implements LearningRateSchedule {
        WarmUp {
            checkEpochs(length);
        }

        @Override
        public LearningRateSchedule over(int epochs) {
            return new WarmUp(after.over(epochs), length);
        }

        @Override
        public double factor(double epochs) {
            return factor(epochs, 0);
        }

        @Override
        public double factor(double epochs, double begin) {
            return Math.min(1, (epochs - begin) / length) * after.factor(epochs, begin);
        }

        @Override
        public String toString() {
            return Description.of(after) + " after a warm-up of " + length + " epochs";
        }
    }

    record ToTheEnd(double warmUp) implements LearningRateSchedule {
        ToTheEnd {
            checkArgument(warmUp >= 0 && warmUp < 1, "warmUp (%s) is a share of the training, in [0, 1)", warmUp);
        }

        @Override
        public LearningRateSchedule over(int epochs) {
            LearningRateSchedule cosine = LearningRateSchedule.cosine(epochs);
            return warmUp > 0 ? cosine.withWarmUp(warmUp * epochs) : cosine;
        }

        @Override
        public double factor(double epochs) {
            throw new IllegalStateException("how long the training is has not been said: take over(epochs)");
        }

        @Override
        public String toString() {
            return "cosine to the end after a warm-up of " + warmUp + " of it";
        }
    }

    private static void checkEpochs(double epochs) {
        checkArgument(epochs > 0 && Double.isFinite(epochs), "epochs (%s) must be finite and positive", epochs);
    }

    record Named(String name, LearningRateSchedule schedule) implements LearningRateSchedule {
        Named {
            Description.name(name);
            requireNonNull(schedule, "schedule must not be null");
        }

        @Override
        public double factor(double epochs) {
            return schedule.factor(epochs);
        }

        @Override
        public double factor(double epochs, double begin) {
            return schedule.factor(epochs, begin);
        }

        @Override
        public String toString() {
            return name;
        }
    }
}
