package org.openface.nn4.internal.format;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

/**
 * Networks as safetensors for and from other programs, which may change them: without a checksum, and without the memory of an
 * optimiser. {@link ModelFile} is the same with both.
 *
 * <p>Tensors have the names of {@link Architecture#tensors}: {@code conv1.weight}, {@code conv1.bias},
 * {@code conv1.bn.weight}, {@code conv1.bn.bias}, {@code conv1.bn.running_mean}, {@code conv1.bn.running_var}, likewise
 * {@code inception_3a.3x3_reduce.weight} and so on, {@code dense.weight}, {@code dense.bias}. When reading, a module named
 * {@code conv} inside is understood too, as in {@code conv1.conv.weight}; PyTorch's {@code num_batches_tracked} is left out,
 * and so is whatever begins with {@value #PREFIX}. The metadata say which network it is, since two differ in no tensor, and
 * hold the passport, under keys that begin with {@value #PREFIX}; earlier versions of this library wrote them without, which
 * is read still.
 *
 * <p>Source: the format's description at github.com/huggingface/safetensors.
 */
public final class Safetensors {
    /** Of the keys of our metadata, and of tensors that are no network's, so that they are nobody else's. */
    static final String PREFIX = "openface.";

    private Safetensors() {}

    public static void write(OutputStream out, ModelFile.Contents contents) throws IOException {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("format", "pt");
        metadata.put(PREFIX + "variant", contents.network().name());
        contents.passport().forEach((key, value) -> metadata.put(PREFIX + key, value));
        List<TensorSpec> specs = contents.parameters().specs();
        SafetensorsHeader.of(metadata, specs).write(out);
        for (TensorSpec spec : specs) {
            Floats.write(out, contents.parameters().get(spec.name()));
        }
        out.flush();
    }

    /**
     * Reads a network's tensors.
     *
     * @param in at the first tensor
     * @throws IOException if the file is cut short, or holds other tensors than a network of this library
     */
    static ModelFile.Contents read(InputStream in, SafetensorsHeader header) throws IOException {
        Map<String, SafetensorsTensor> tensors = new LinkedHashMap<>();
        for (SafetensorsTensor tensor : header.tensors()) {
            String name = tensor.name();
            if (!name.endsWith(".num_batches_tracked") && !name.startsWith(PREFIX)) {
                SafetensorsTensor other = tensors.put(name.replace(".conv.", "."), tensor);
                if (other != null) {
                    throw new IOException("the safetensors file has the tensors " + name + " and " + other.name()
                            + ", which are one in this library's names");
                }
            }
        }
        SafetensorsTensor bias = tensors.get("dense.bias");
        if (bias == null || bias.shape().size() != 1 || bias.shape().get(0) < 1) {
            throw new IOException("the safetensors file holds no nn4 network: it has no tensor dense.bias");
        }
        if (bias.shape().get(0) > ModelFile.LARGEST_EMBEDDING) {
            throw new IOException("embeddings of " + bias.shape().get(0) + " values are too large");
        }
        int embeddingSize = Math.toIntExact(bias.shape().get(0));
        Map<String, String> metadata = ownMetadata(header.metadata());
        Architecture network = network(metadata.get("variant"), tensors, embeddingSize);
        List<TensorSpec> specs = network.tensors(embeddingSize);
        String difference = SafetensorsHeader.difference(specs, tensors);
        if (difference != null) {
            throw new IOException("the safetensors file is no " + network + ": " + difference);
        }
        for (SafetensorsTensor tensor : tensors.values()) {
            if (!tensor.type().readable()) {
                throw new IOException(
                        "tensor " + tensor.name() + " has the type " + tensor.type() + "; " + TensorType.READABLE);
            }
        }
        Parameters parameters = Parameters.zeros(specs);
        Map<String, float[]> targets = new HashMap<>();
        tensors.forEach((name, tensor) -> targets.put(tensor.name(), parameters.get(name)));
        for (SafetensorsTensor tensor : header.tensors()) {
            tensor.read(in, targets.get(tensor.name()));
        }
        parameters.changed();
        return new ModelFile.Contents(network, embeddingSize, parameters, new OptimizerMemory(specs), metadata);
    }

    /** Our entries, without the prefix; none of another tool's, whatever they are called. */
    static Map<String, String> ownMetadata(Map<String, String> all) {
        Map<String, String> own = new LinkedHashMap<>();
        all.forEach((key, value) -> {
            if (key.startsWith(PREFIX)) {
                own.put(key.substring(PREFIX.length()), value);
            }
        });
        // Earlier versions had no prefix; they named both, whatever else they knew.
        boolean earlier = ModelFile.RGB.equals(all.get("preprocessing"))
                && Architecture.named(all.getOrDefault("variant", "")).isPresent();
        return own.isEmpty() && earlier ? all : own;
    }

    private static Architecture network(
            @Nullable String named, Map<String, SafetensorsTensor> tensors, int embeddingSize) throws IOException {
        if (named != null) {
            return ModelHeader.network(named);
        }
        String closest = "";
        for (Architecture network : Architecture.all()) {
            String difference = SafetensorsHeader.difference(network.tensors(embeddingSize), tensors);
            if (difference == null) {
                return network;
            }
            closest += "\n  not " + network + ": " + difference;
        }
        throw new IOException("the safetensors file holds no network of this library:" + closest);
    }
}
