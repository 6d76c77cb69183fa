package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import org.openface.triplet.internal.Description;
import org.openface.triplet.mining.Miner;

/** What to do about a {@link Diagnosis}, from the next batch on and in resumed runs too. */
public sealed interface Treatment {
    /** Multiplies the learning rate with a factor in (0, 1), each time the condition is seen. */
    static Treatment lowerLearningRate(double factor) {
        return new LowerLearningRate(factor);
    }

    /** Goes on with another miner. */
    static Treatment switchMiner(Miner miner) {
        return new SwitchMiner(miner);
    }

    /** See {@link Treatment#lowerLearningRate}. */
    record LowerLearningRate(double factor) implements Treatment {
        public LowerLearningRate {
            checkArgument(factor > 0 && factor < 1, "factor (%s) must be in (0, 1)", factor);
        }
    }

    /** See {@link Treatment#switchMiner}. */
    record SwitchMiner(Miner miner) implements Treatment {
        public SwitchMiner {
            requireNonNull(miner, "switchMiner was given null, not a miner");
        }

        @Override
        public String toString() {
            return "SwitchMiner[" + Description.of(miner) + "]";
        }
    }
}
