package org.openface.nn4;

import static java.util.Objects.requireNonNull;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.dnnl.engine;
import org.bytedeco.javacpp.BytePointer;
import org.openface.nn4.OneDnnProgram.Mode;

/**
 * Runs the plan of the SameDiff graph on oneDNN through its JavaCPP preset: several times faster than ND4J's session on a
 * CPU.
 */
final class OneDnnExecutor implements Executor {
    /** Programs kept for batches of different sizes; compiling one takes a fraction of a second. */
    private static final int KEPT_PROGRAMS = 3;

    /** Batch whose memory layout tells the bytes per image; large enough that rounding up does not matter. */
    private static final int PROBE_IMAGES = 4;

    private static final System.Logger LOG = System.getLogger(Nn4Model.class.getName());

    private record Key(Mode mode, int images) {}

    private final Plan plan;
    private final NativeThread thread = new NativeThread();
    private final engine cpu;
    private final LinkedHashMap<Key, OneDnnProgram> programs = new LinkedHashMap<>(8, 0.75f, true);

    /** The memory that all programs work in, one at a time; as large as the largest needs. */
    private BytePointer arena = new BytePointer(1);

    private final Mode trainingMode;
    private boolean warned;

    OneDnnExecutor(Plan plan) {
        this(plan, Mode.TRAINING);
    }

    /**
     * An executor for one way of training.
     *
     * @param trainingMode whether training steps use the batch's statistics or the running ones
     */
    OneDnnExecutor(Plan plan, Mode trainingMode) {
        this.plan = plan;
        this.trainingMode = trainingMode;
        cpu = thread.call(() -> new engine(engine.kind.cpu, 0));
    }

    @Override
    public String name() {
        return "onednn-" + OneDnn.instructionSet(); // another set of instructions rounds differently
    }

    @Override
    public int threads() {
        return Runtime.getRuntime().availableProcessors();
    }

    @Override
    public long bytesPerImage() {
        return thread.call(() -> program(trainingMode, PROBE_IMAGES).sharedBytes() / PROBE_IMAGES);
    }

    @Override
    public float[] embed(Parameters parameters, float[] pixels, int images) {
        return thread.call(() -> {
            OneDnnProgram program = program(Mode.INFERENCE, images);
            program.load(parameters);
            return program.forward(pixels);
        });
    }

    @Override
    public Map<String, Statistics> batchStatistics(Parameters parameters, float[] pixels, int images) {
        return thread.call(() -> {
            OneDnnProgram program = program(trainingMode, images);
            program.load(parameters);
            program.forward(pixels);
            return program.statistics(parameters);
        });
    }

    @Override
    public Pass forward(Parameters parameters, float[] pixels, int images) {
        float[] embeddings = thread.call(() -> {
            OneDnnProgram program = program(trainingMode, images);
            program.load(parameters);
            return program.forward(pixels);
        });
        return new Pass() {
            @Override
            public float[] embeddings() {
                return embeddings;
            }

            @Override
            public Result backward(float[] embeddingGradient) {
                return thread.call(() -> {
                    OneDnnProgram program = program(trainingMode, images);
                    return new Result(program.backward(embeddingGradient), program.statistics(parameters));
                });
            }

            @Override
            public void drop() {
                // the activations are overwritten by the next pass
            }
        };
    }

    /** The program for a batch size, compiled at its first use; the one unused for longest makes room. */
    private OneDnnProgram program(Mode mode, int images) {
        Key key = new Key(mode, images);
        OneDnnProgram program = programs.get(key);
        if (program == null) {
            if (programs.size() >= KEPT_PROGRAMS) {
                Key eldest = programs.keySet().iterator().next();
                requireNonNull(programs.remove(eldest)).close();
            }
            program = new OneDnnProgram(plan, images, mode, cpu);
            warnOfSlowCode(program);
            programs.put(key, program);
        }
        if (arena.capacity() < program.sharedBytes()) {
            arena.close();
            arena = new BytePointer(program.sharedBytes());
        }
        program.bind(arena);
        return program;
    }

    private void warnOfSlowCode(OneDnnProgram program) {
        if (!warned && !program.slowKinds().isEmpty()) {
            warned = true;
            LOG.log(
                    System.Logger.Level.WARNING,
                    "oneDNN has only slow reference code for this processor ({0}): {1}; compare with Engine.SAMEDIFF",
                    OneDnn.instructionSet(),
                    program.slowKinds());
        }
    }

    /** The program for benchmarks to look into. */
    OneDnnProgram trainingProgram(int images) {
        return thread.call(() -> program(trainingMode, images));
    }

    @Override
    public void close() {
        thread.call(() -> {
            programs.values().forEach(OneDnnProgram::close);
            programs.clear();
            arena.close();
            cpu.close();
            return true;
        });
        thread.close();
    }
}
