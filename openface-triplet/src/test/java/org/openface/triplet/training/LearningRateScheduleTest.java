package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class LearningRateScheduleTest {
    @Test
    void stepFallsAtWholeNumbersOfEpochs() {
        LearningRateSchedule schedule = LearningRateSchedule.step(10, 0.1);
        assertThat(schedule.factor(0)).isEqualTo(1);
        assertThat(schedule.factor(9.99)).isEqualTo(1);
        assertThat(schedule.factor(10)).isEqualTo(0.1);
        assertThat(schedule.factor(35)).isCloseTo(0.001, within(1e-12));
    }

    @Test
    void cosineGoesDownToItsFloorAndStaysThere() {
        LearningRateSchedule schedule = LearningRateSchedule.cosine(8, 0.2);
        assertThat(schedule.factor(0)).isEqualTo(1);
        // 0.2 + 0.8 · (1 + cos 45°) / 2
        assertThat(schedule.factor(2)).isCloseTo(0.88284271247, within(1e-10));
        assertThat(schedule.factor(4)).isCloseTo(0.6, within(1e-12));
        assertThat(schedule.factor(8)).isCloseTo(0.2, within(1e-12));
        assertThat(schedule.factor(100)).isCloseTo(0.2, within(1e-12));
    }

    @Test
    void warmUpRisesAndThenLeavesTheScheduleAlone() {
        LearningRateSchedule schedule = LearningRateSchedule.step(3, 0.5).withWarmUp(2);
        assertThat(schedule.factor(0)).isZero();
        assertThat(schedule.factor(0.5)).isEqualTo(0.25);
        assertThat(schedule.factor(2)).isEqualTo(1);
        assertThat(schedule.factor(3)).isEqualTo(0.5);
        assertThat(schedule).hasToString("times 0.5 every 3.0 epochs after a warm-up of 2.0 epochs");
    }

    @Test
    void impossibleSchedulesAreRefused() {
        assertThatThrownBy(() -> LearningRateSchedule.step(0, 0.5)).hasMessageContaining("epochs (0.0)");
        assertThatThrownBy(() -> LearningRateSchedule.step(1, 2)).hasMessageContaining("factor (2.0)");
        assertThatThrownBy(() -> LearningRateSchedule.cosine(5, -1)).hasMessageContaining("floor (-1.0)");
    }
}
