package org.openface.triplet.training;

/**
 * How the learning rate changes during training: the factor that the optimiser's rate is multiplied with.
 *
 * <p>A function of the position alone, in epochs, so that a resumed run goes on with the rates it would have had. It does
 * not know the last epoch, which may be moved; a schedule with an end is told its length.
 */
@FunctionalInterface
public interface LearningRateSchedule {
    /**
     * The factor for one step.
     *
     * @param epochs how far training is, counted in epochs: 0 before the first batch, 2.5 in the middle of the third epoch
     * @return a finite number of at least 0; 1 leaves the optimiser's rate as it is
     */
    double factor(double epochs);

    /**
     * The factor for one step of a training that began in a later epoch than the first ({@link
     * Trainer.Builder#firstEpoch}): as {@link #factor(double)}, unless the schedule counts from the beginning, as a warm-up
     * does.
     *
     * @param begin where the training began, counted as {@code epochs}
     */
    default double factor(double epochs, double begin) {
        return factor(epochs);
    }

    /**
     * This schedule in a training of so many epochs, the last one's number: itself, unless it is one {@link #toTheEnd}.
     */
    default LearningRateSchedule over(int epochs) {
        return this;
    }

    /**
     * A ramp from 0 to 1 over a share of the training, and down to 0 along half a cosine that ends with the last epoch. A training that is
     * gone on with to a later epoch takes the rates of the longer one from there, and so does not end as one that was begun so long.
     *
     * @param warmUp share of the epochs, in [0, 1)
     * @throws IllegalArgumentException if it is not so
     */
    static LearningRateSchedule toTheEnd(double warmUp) {
        return new Schedules.ToTheEnd(warmUp);
    }

    /** Always the optimiser's rate; the default, as in OpenFace. */
    static LearningRateSchedule constant() {
        return new Schedules.Constant();
    }

    /**
     * Multiplies the rate with {@code factor} after every {@code epochs} epochs.
     *
     * @param factor in (0, 1]
     */
    static LearningRateSchedule step(double epochs, double factor) {
        return new Schedules.Step(epochs, factor);
    }

    /** {@link #cosine(double, double)} down to 0. */
    static LearningRateSchedule cosine(double epochs) {
        return cosine(epochs, 0);
    }

    /**
     * From 1 down to {@code floor} along half a cosine, and {@code floor} from then on (Loshchilov and Hutter, 2017).
     *
     * @param epochs how long the descent takes, usually {@link Trainer.Builder#epochs}
     * @param floor in [0, 1]
     */
    static LearningRateSchedule cosine(double epochs, double floor) {
        return new Schedules.Cosine(epochs, floor);
    }

    /**
     * This schedule, its factors multiplied with a ramp that rises from 0 to 1 during the first epochs of a training,
     * whatever their numbers. A training that keeps the optimiser's memory ({@link Trainer.Builder#keepOptimizerMemory})
     * goes on with an earlier one, which has its first epochs behind it.
     */
    default LearningRateSchedule withWarmUp(double epochs) {
        return new Schedules.WarmUp(this, epochs);
    }

    /**
     * A schedule of your own under a name, by which a resumed run tells whether it is the same: a lambda says nothing of itself.
     * Give it another name when it changes.
     *
     * @throws IllegalArgumentException if the name is blank or of several lines
     */
    static LearningRateSchedule named(String name, LearningRateSchedule schedule) {
        return new Schedules.Named(name, schedule);
    }
}
