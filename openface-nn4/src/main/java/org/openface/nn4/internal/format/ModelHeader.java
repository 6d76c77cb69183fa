package org.openface.nn4.internal.format;

import static com.google.common.base.Preconditions.checkState;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

/**
 * What a model's file says before its numbers: of which network they are, and of which training.
 *
 * @param optimizer the kind whose memory it has; empty for none
 * @param averaged whether it has an average of the weights
 * @param passport as keys and values: whatever the file says besides
 */
record ModelHeader(
        Architecture network,
        int embeddingSize,
        String optimizer,
        long steps,
        boolean averaged,
        Map<String, String> passport) {
    /**
     * What each kind of optimiser remembers of a parameter, in {@link OptimizerMemory#memory}'s order, by the names that it has in
     * the state of PyTorch's optimisers.
     */
    private static final Map<String, List<String>> MEMORY = Map.of(
            "",
            List.of(),
            "Adam",
            List.of("exp_avg", "exp_avg_sq"),
            "AdamW",
            List.of("exp_avg", "exp_avg_sq"),
            "Sgd",
            List.of("momentum_buffer"),
            "AdaDelta",
            List.of("square_avg", "acc_delta"),
            "RmsProp",
            List.of("square_avg", "momentum_buffer"));

    private static final List<String> OWN = List.of("variant", "embeddingSize", "optimizer", "steps", "averaged");

    private static final String OPTIMIZER_PREFIX = Safetensors.PREFIX + "optimizer.";
    private static final String AVERAGE_PREFIX = Safetensors.PREFIX + "average.";

    static ModelHeader of(ModelFile.Contents contents) {
        OptimizerMemory memory = contents.memory();
        return new ModelHeader(
                contents.network(),
                contents.embeddingSize(),
                memory.kind(),
                memory.steps(),
                memory.average().isPresent(),
                contents.passport());
    }

    /** As keys and values, the passport's last. */
    Map<String, String> fields() {
        Map<String, String> fields = new LinkedHashMap<>();
        fields.put("variant", network.name());
        fields.put("embeddingSize", Integer.toString(embeddingSize));
        fields.put("optimizer", optimizer);
        fields.put("steps", Long.toString(steps));
        if (averaged) {
            fields.put("averaged", "true");
        }
        fields.putAll(passport);
        return fields;
    }

    /** The inverse of {@link #fields}. */
    static ModelHeader of(Map<String, String> fields) throws IOException {
        Architecture network = network(field(fields, "variant"));
        int embeddingSize = (int) number(fields, "embeddingSize", 1, ModelFile.LARGEST_EMBEDDING);
        long steps = number(fields, "steps", 0, Long.MAX_VALUE);
        String optimizer = field(fields, "optimizer");
        if (!MEMORY.containsKey(optimizer)) {
            throw new IOException("the model was trained with the unknown optimiser " + optimizer);
        }
        boolean averaged = Boolean.parseBoolean(fields.get("averaged"));
        Map<String, String> passport = new LinkedHashMap<>(fields);
        passport.keySet().removeAll(OWN);
        return new ModelHeader(network, embeddingSize, optimizer, steps, averaged, passport);
    }

    static Architecture network(String name) throws IOException {
        return Architecture.named(name)
                .orElseThrow(() -> new IOException("the model is a network this library does not know: " + name));
    }

    private static String field(Map<String, String> fields, String key) throws IOException {
        String value = fields.get(key);
        if (value == null) {
            throw new IOException("the model is damaged: its header has no " + key);
        }
        return value;
    }

    private static long number(Map<String, String> fields, String key, long least, long most) throws IOException {
        String text = field(fields, key);
        try {
            long value = Long.parseLong(text);
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException e) {
            // told below
        }
        throw new IOException("the model is damaged: its header has " + key + "=" + text);
    }

    /** Whether this is a state of that network. */
    boolean fits(Architecture other, int otherSize) {
        return network.equals(other) && embeddingSize == otherSize;
    }

    IOException doesNotFit(Architecture other, int otherSize) {
        return new IOException("the state belongs to " + network + " with embeddings of " + embeddingSize + ", this is "
                + other + " with " + otherSize);
    }

    /** All tensors of the file by name and shape: the network's, the optimiser's memory, and the average. */
    List<TensorSpec> tensors() {
        List<String> remembered = MEMORY.get(optimizer);
        checkState(remembered != null, "model files have no names yet for the memory of the optimiser %s", optimizer);
        List<TensorSpec> specs = network.tensors(embeddingSize);
        List<TensorSpec> all = new ArrayList<>(specs);
        for (TensorSpec spec : specs) {
            if (spec.trained()) {
                for (String kept : remembered) {
                    all.add(named(OPTIMIZER_PREFIX + kept + ".", spec));
                }
            }
        }
        if (averaged) {
            specs.forEach(spec -> all.add(named(AVERAGE_PREFIX, spec)));
        }
        return all;
    }

    private static TensorSpec named(String prefix, TensorSpec spec) {
        return new TensorSpec(prefix + spec.name(), spec.shape(), spec.trained());
    }

    /** The values of {@link #tensors}, in the same order: to be written, or read into. */
    static List<float[]> arrays(ModelFile.Contents contents) {
        List<float[]> arrays = new ArrayList<>();
        contents.parameters()
                .specs()
                .forEach(spec -> arrays.add(contents.parameters().get(spec.name())));
        arrays.addAll(contents.memory().memory());
        return arrays;
    }

    /** A network and a memory that are to be read yet. */
    ModelFile.Contents unread() {
        List<TensorSpec> specs = network.tensors(embeddingSize);
        return new ModelFile.Contents(
                network,
                embeddingSize,
                Parameters.zeros(specs),
                OptimizerMemory.restored(specs, optimizer, steps, averaged),
                passport);
    }
}
