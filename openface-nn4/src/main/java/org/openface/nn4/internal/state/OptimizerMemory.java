package org.openface.nn4.internal.state;

import static com.google.common.base.Preconditions.checkNotNull;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;

/**
 * What an optimiser remembers between steps: the number of steps, up to two arrays per trained parameter, each of its shape,
 * and the average of the weights if one is asked for.
 */
public final class OptimizerMemory {
    /** How many arrays per parameter each kind of optimiser remembers. */
    private static final Map<String, Integer> ARRAYS =
            Map.of("", 0, "Adam", 2, "AdamW", 2, "Sgd", 1, "AdaDelta", 2, "RmsProp", 2);

    /** All tensors of the network, running statistics included. */
    private final List<TensorSpec> all;

    private final List<TensorSpec> trained;
    /** The kind of optimiser that the memory belongs to: its record's name; empty before the first step. */
    private String kind = "";

    private long steps;
    /** Adam's first moment, the velocity, or the mean square of gradients. */
    private final Map<String, float[]> first = new LinkedHashMap<>();
    /** Adam's second moment, AdaDelta's mean square of steps, or RMSProp's velocity. */
    private final Map<String, float[]> second = new LinkedHashMap<>();

    private @Nullable Parameters average;

    /** An empty memory for a network with these tensors. */
    public OptimizerMemory(List<TensorSpec> specs) {
        all = specs;
        trained = specs.stream().filter(TensorSpec::trained).toList();
    }

    /** Arrays that a kind of optimiser keeps for each parameter. */
    public static int arrays(String kind) {
        return checkNotNull(ARRAYS.get(kind), "no optimiser is called %s", kind);
    }

    /** Whether a memory can be of this kind. */
    public static boolean isKind(String name) {
        return ARRAYS.containsKey(name);
    }

    /** An empty memory of the given kind after the given number of steps, whose arrays are then read. */
    public static OptimizerMemory restored(List<TensorSpec> specs, String kind, long steps, boolean averaged) {
        OptimizerMemory memory = new OptimizerMemory(specs);
        memory.kind = kind;
        memory.steps = steps;
        memory.average = averaged ? Parameters.zeros(specs) : null;
        return memory;
    }

    /** All tensors of the network, running statistics included. */
    public List<TensorSpec> specs() {
        return all;
    }

    /** The kind of optimiser that the memory belongs to; empty before the first step. */
    public String kind() {
        return kind;
    }

    /** Steps taken since the memory was empty. */
    public long steps() {
        return steps;
    }

    /** Makes the memory one of the given kind, emptied if it was another's, and counts one step more. */
    public void step(String newKind) {
        if (!kind.equals(newKind)) {
            clear();
            kind = newKind;
        }
        steps++;
    }

    /** Forgets all but the average. */
    public void clear() {
        kind = "";
        first.clear();
        second.clear();
        steps = 0;
    }

    /** The arrays for one parameter, as many as the kind has, made if need be: to be read and written. */
    public List<float[]> arrays(TensorSpec spec) {
        int count = ARRAYS.getOrDefault(kind, 0);
        List<float[]> arrays = new ArrayList<>();
        if (count > 0) {
            arrays.add(first.computeIfAbsent(spec.name(), name -> new float[spec.length()]));
        }
        if (count > 1) {
            arrays.add(second.computeIfAbsent(spec.name(), name -> new float[spec.length()]));
        }
        return arrays;
    }

    /** The average of the weights, if one is kept. */
    public Optional<Parameters> average() {
        return Optional.ofNullable(average);
    }

    /** Keeps an average from now on, or none. */
    public void setAverage(@Nullable Parameters newAverage) {
        average = newAverage;
    }

    /** The arrays of the memory in a fixed order, made if need be, the average last: to be written, or read into. */
    public List<float[]> memory() {
        List<float[]> memory = new ArrayList<>();
        trained.forEach(spec -> memory.addAll(arrays(spec)));
        average().ifPresent(mean -> all.forEach(spec -> memory.add(mean.get(spec.name()))));
        return memory;
    }
}
