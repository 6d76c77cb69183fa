package org.openface.triplet.training;

import com.google.common.base.Splitter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.openface.triplet.mining.Miner;
import org.openface.triplet.training.Diagnosis.Condition;

/** What the treatments of a run have led to: the miner in use and the factor of the learning rate. */
final class Treatments {
    private static final String RATE_FACTOR = "rateFactor";
    /** Conditions that a miner was switched for, in that order. */
    private static final String SWITCHES = "switches";
    /** The same in no order, as earlier versions wrote it. */
    private static final String EARLIER_SWITCHES = "switched";

    private final Map<Condition, Treatment> treatments;
    private final Set<Condition> switched = new LinkedHashSet<>();
    private Miner miner;
    private double rateFactor = 1;

    /** @param miner the one to begin with */
    Treatments(Map<Condition, Treatment> treatments, Miner miner) {
        this.treatments = treatments;
        this.miner = miner;
    }

    Miner miner() {
        return miner;
    }

    double rateFactor() {
        return rateFactor;
    }

    /** Does what was asked for in case of a condition; returns what is different now. */
    Optional<Treatment> treat(Condition condition) {
        Treatment treatment = treatments.get(condition);
        if (treatment instanceof Treatment.LowerLearningRate lower) {
            rateFactor *= lower.factor();
        } else if (treatment instanceof Treatment.SwitchMiner change && switched.add(condition)) {
            miner = change.miner();
        } else {
            return Optional.empty();
        }
        return Optional.of(treatment);
    }

    /** All of it, for a checkpoint. */
    Map<String, String> state() {
        Map<String, String> state = new LinkedHashMap<>();
        state.put(RATE_FACTOR, Double.toString(rateFactor));
        state.put(SWITCHES, switched.stream().map(Condition::name).collect(Collectors.joining(" ")));
        return state;
    }

    /**
     * Goes on with what {@link #state} gave.
     *
     * @param diagnoses those made so far, which tell the order where a checkpoint of an earlier version does not
     */
    void restore(Map<String, String> state, List<Diagnosis> diagnoses) {
        rateFactor = Double.parseDouble(state.getOrDefault(RATE_FACTOR, "1"));
        List<Condition> order = new ArrayList<>();
        String switches = state.get(SWITCHES);
        if (switches == null) {
            String known = state.getOrDefault(EARLIER_SWITCHES, "");
            diagnoses.stream()
                    .map(Diagnosis::condition)
                    .filter(condition -> known.contains(condition.name()))
                    .forEach(order::add);
        } else if (!switches.isEmpty()) {
            Splitter.on(' ').split(switches).forEach(name -> order.add(Condition.valueOf(name)));
        }
        for (Condition condition : order) {
            if (treatments.get(condition) instanceof Treatment.SwitchMiner change && switched.add(condition)) {
                miner = change.miner();
            }
        }
    }
}
