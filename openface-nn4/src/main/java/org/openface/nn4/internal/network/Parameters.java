package org.openface.nn4.internal.network;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkNotNull;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.openface.nn4.internal.network.Architecture.TensorSpec;

/**
 * The weights and running statistics of a network, in plain arrays and Torch's layout: the one place where they live.
 * Executors copy from here; nothing else in the package knows how an engine stores them.
 */
public final class Parameters {
    private static final AtomicInteger VERSIONS = new AtomicInteger();

    private final List<TensorSpec> specs;
    private final Map<String, float[]> values;
    /** Different for all values that any parameters ever had, so that one executor can serve several. */
    private int version = VERSIONS.incrementAndGet();

    private Parameters(List<TensorSpec> specs, Map<String, float[]> values) {
        this.specs = specs;
        this.values = values;
    }

    /** Zeros everywhere. */
    public static Parameters zeros(List<TensorSpec> specs) {
        Map<String, float[]> values = new LinkedHashMap<>();
        for (TensorSpec spec : specs) {
            values.put(spec.name(), new float[spec.length()]);
        }
        return new Parameters(specs, values);
    }

    /**
     * Starting weights as Torch draws them: uniform in ±1/√(inputs of the unit) for convolutions, linear layers and their
     * biases; batch-norm starts as the identity (scale 1, where Torch7 drew scales from [0, 1); shift 0).
     *
     * <p>Each tensor has a generator of its own, addressed by the seed and its place, so that one network's weights do not
     * depend on how many another layer drew, and other seeds have nothing in common.
     */
    public static Parameters initial(List<TensorSpec> specs, long seed) {
        Parameters parameters = zeros(specs);
        double bound = 0;
        for (int i = 0; i < specs.size(); i++) {
            TensorSpec spec = specs.get(i);
            float[] tensor = parameters.get(spec.name());
            if (spec.name().endsWith(".bn.weight") || spec.name().endsWith(".bn.running_var")) {
                Arrays.fill(tensor, 1);
            } else if (!spec.name().contains(".bn.")) {
                if (spec.shape().size() > 1) { // a bias has the bound of the weights before it
                    bound = 1 / Math.sqrt((double) spec.length() / spec.shape().get(0));
                }
                SplittableRandom random = new SplittableRandom(mixed(mixed(seed) + i));
                for (int k = 0; k < tensor.length; k++) {
                    tensor[k] = (float) ((2 * random.nextDouble() - 1) * bound);
                }
            }
        }
        return parameters;
    }

    /** Spreads neighbouring numbers over all; a sum or product alone would make their generators shifted copies. */
    private static long mixed(long address) {
        return new SplittableRandom(address).nextLong();
    }

    public List<TensorSpec> specs() {
        return specs;
    }

    /** The array itself, to be read and written. */
    public float[] get(String name) {
        return checkNotNull(values.get(name), "no tensor named %s", name);
    }

    /** The shape of a tensor, in Torch's order of dimensions. */
    public List<Integer> shape(String name) {
        return specs.stream()
                .filter(spec -> spec.name().equals(name))
                .findFirst()
                .orElseThrow()
                .shape();
    }

    /** Changes whenever values may have changed, and is no other parameters', so that executors know when to copy them anew. */
    public int version() {
        return version;
    }

    /** To be called after writing to arrays got from {@link #get}. */
    public void changed() {
        version = VERSIONS.incrementAndGet();
    }

    public long trainedCount() {
        return specs.stream()
                .filter(TensorSpec::trained)
                .mapToLong(TensorSpec::length)
                .sum();
    }

    public Parameters copy() {
        Parameters copy = zeros(specs);
        copy.set(this);
        return copy;
    }

    /** A copy that no change reaches; of the same version, as it has the same values. */
    public Parameters snapshot() {
        Parameters snapshot = copy();
        snapshot.version = version;
        return snapshot;
    }

    public void set(Parameters other) {
        checkArgument(specs.equals(other.specs), "parameters of another network");
        for (TensorSpec spec : specs) {
            System.arraycopy(other.get(spec.name()), 0, get(spec.name()), 0, spec.length());
        }
        changed();
    }

    /** SHA-256 over the bits of the trained parameters, in order. */
    public String hash() {
        return hash(false);
    }

    /** SHA-256 over the bits of the trained parameters and the running statistics, in order: all that embeds. */
    public String fingerprint() {
        return hash(true);
    }

    private String hash(boolean statistics) {
        Hasher hasher = Hashing.sha256().newHasher();
        for (TensorSpec spec : specs) {
            if (spec.trained() || statistics) {
                for (float value : get(spec.name())) {
                    hasher.putInt(Float.floatToRawIntBits(value));
                }
            }
        }
        return hasher.hash().toString();
    }
}
