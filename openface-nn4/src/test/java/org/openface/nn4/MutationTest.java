package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.nn4.internal.format.ModelFile;
import org.openface.nn4.internal.format.ModelFormats;
import org.openface.nn4.internal.format.Safetensors;
import org.openface.nn4.internal.format.TorchNetwork;
import org.openface.nn4.internal.format.TorchValues.Storage;
import org.openface.nn4.internal.format.TorchValues.Table;
import org.openface.nn4.internal.format.TorchValues.Tensor;
import org.openface.nn4.internal.format.TorchValues.TorchModule;
import org.openface.nn4.internal.format.TorchWriter;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

/** Damaged model files give an IOException or a network, and never cost more memory than their size explains. */
class MutationTest {
    /** All weights, so that what is no weight can be told in a file. */
    private static final float WEIGHT = 0.3f;

    /** Values of all tensors of the network, which a file may cost whatever its size, and once more to copy them. */
    private static final long NETWORK_BYTES = 2L
            * Float.BYTES
            * Architecture.NN4_SMALL2.tensors(4).stream()
                    .mapToLong(TensorSpec::length)
                    .sum();

    private enum Kind {
        OWN,
        EARLIER,
        SAFETENSORS,
        TORCH,
        TORCH_ASCII
    }

    private static final Map<Kind, byte[]> FILES = new HashMap<>();

    private static byte[] file(Kind kind) throws IOException {
        byte[] file = FILES.get(kind);
        if (file == null) {
            file = make(kind);
            FILES.put(kind, file);
        }
        return file;
    }

    private static byte[] make(Kind kind) throws IOException {
        var specs = Architecture.NN4_SMALL2.tensors(4);
        Parameters parameters = Parameters.zeros(specs);
        for (TensorSpec spec : specs) {
            Arrays.fill(parameters.get(spec.name()), WEIGHT);
        }
        ModelFile.Contents contents = new ModelFile.Contents(
                Architecture.NN4_SMALL2,
                4,
                parameters,
                new OptimizerMemory(specs),
                ModelPassport.EMPTY.withCount("images", 7).withThreshold(1).toFields());
        return switch (kind) {
            case OWN -> Examples.bytes(ModelFile::write, contents);
            case EARLIER -> Examples.bytes(EarlierWriter::write, contents);
            case SAFETENSORS -> Examples.bytes(Safetensors::write, contents);
            case TORCH, TORCH_ASCII -> {
                TorchModule tree = TorchNetwork.tree(contents);
                float[] few = new float[3000];
                Arrays.fill(few, WEIGHT);
                share(tree, Storage.of(few)); // a small file (the linear layer needs 2944), so that many can be read
                ByteArrayOutputStream out = new ByteArrayOutputStream();
                TorchWriter.write(out, tree, kind == Kind.TORCH_ASCII);
                yield out.toByteArray();
            }
        };
    }

    private static void share(TorchModule module, Storage storage) {
        for (Object value : module.fields.entries.values()) {
            if (value instanceof Tensor tensor && tensor.storage != null) {
                tensor.storage = storage;
                Arrays.fill(tensor.stride, 1); // overlapping rows
            } else if (value instanceof Table table) {
                table.entries.values().forEach(child -> share((TorchModule) child, storage));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aFewMutations(Kind kind) throws IOException {
        mutate(kind, 150);
    }

    @ParameterizedTest
    @EnumSource
    @Tag("soak")
    void tenThousandMutations(Kind kind) throws IOException {
        mutate(kind, 10_000);
    }

    private static void mutate(Kind kind, int count) throws IOException {
        byte[] whole = file(kind);
        ModelFormats.read(whole); // is sound
        int[] structure = structure(whole, kind == Kind.TORCH_ASCII);
        ThreadMXBean memory = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int refused = 0;
        for (int i = 0; i < count; i++) {
            SplittableRandom random = new SplittableRandom(kind.name().hashCode() + i * 7919L);
            int at = random.nextInt(10) == 0
                    ? random.nextInt(whole.length)
                    : structure[random.nextInt(structure.length)];
            int rest = Math.min(8, whole.length - at);
            byte[] saved = Arrays.copyOfRange(whole, at, at + rest);
            byte[] mutant = change(whole, at, random);
            boolean changed = mutant == whole
                    ? !Arrays.equals(saved, Arrays.copyOfRange(whole, at, at + rest))
                    : !Arrays.equals(mutant, whole);
            long before = memory.getCurrentThreadAllocatedBytes();
            try {
                ModelFormats.read(mutant);
                assertThat(changed && kind == Kind.OWN)
                        .as("a changed file is accepted")
                        .isFalse();
            } catch (IOException e) {
                refused++;
                assertThat(e.getMessage()).isNotBlank();
            } catch (RuntimeException | Error e) {
                throw new AssertionError("mutation " + i + " of " + kind + " at byte " + at, e);
            } finally {
                System.arraycopy(saved, 0, whole, at, rest);
            }
            long allocated = memory.getCurrentThreadAllocatedBytes() - before;
            assertThat(allocated)
                    .as("mutation %s of %s at byte %s", i, kind, at)
                    .isLessThan(8L * whole.length + NETWORK_BYTES + (1 << 20));
        }
        assertThat(refused).isGreaterThan(count / 4);
    }

    /** Places that are no weights. */
    private static int[] structure(byte[] file, boolean ascii) {
        byte[] weight = ascii
                ? (WEIGHT + " ").getBytes(java.nio.charset.StandardCharsets.US_ASCII)
                : ByteBuffer.allocate(4)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putFloat(WEIGHT)
                        .array();
        boolean[] weights = new boolean[file.length];
        for (int i = 0; i + weight.length <= file.length; i++) {
            if (file[i] == weight[0] && Arrays.equals(file, i, i + weight.length, weight, 0, weight.length)) {
                Arrays.fill(weights, i, i + weight.length, true);
            }
        }
        int[] places = new int[file.length];
        int count = 0;
        for (int i = 0; i < file.length; i++) {
            if (!weights[i]) {
                places[count++] = i;
            }
        }
        return Arrays.copyOf(places, count);
    }

    /** Changes up to eight bytes in place, or returns a copy with another length. */
    private static byte[] change(byte[] file, int at, SplittableRandom random) {
        switch (random.nextInt(8)) {
            case 0 -> {
                return Arrays.copyOf(file, at);
            }
            case 1 -> { // something inserted or left out
                int shift = random.nextInt(-4, 5);
                byte[] copy = new byte[Math.max(0, file.length + shift)];
                System.arraycopy(file, 0, copy, 0, Math.min(at, copy.length));
                int from = Math.min(file.length, Math.max(at, at - shift));
                int to = Math.min(copy.length, from + shift);
                System.arraycopy(file, from, copy, to, Math.min(file.length - from, copy.length - to));
                return copy;
            }
            case 2, 3 -> {
                int[] values = {-1, 0, 1, 8, Integer.MAX_VALUE, Integer.MIN_VALUE, 1 << 20, random.nextInt()};
                ByteBuffer four = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
                four.putInt(values[random.nextInt(values.length)]);
                System.arraycopy(four.array(), 0, file, at, Math.min(4, file.length - at));
            }
            case 4 -> {
                long[] values = {-1, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 40, 1L << 31, random.nextLong()};
                ByteBuffer eight = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
                eight.putLong(values[random.nextInt(values.length)]);
                System.arraycopy(eight.array(), 0, file, at, Math.min(8, file.length - at));
            }
            case 5 -> file[at] = (byte) ('0' + random.nextInt(10));
            default -> file[at] ^= (byte) (1 << random.nextInt(8));
        }
        return file;
    }
}
