package org.openface.nn4;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.dnnl.engine;

/**
 * Runs the plan of the SameDiff graph on oneDNN through its JavaCPP preset: several times faster than ND4J's session on a
 * CPU.
 */
final class OneDnnExecutor implements Executor {
    /** Programs kept for batches of different sizes; compiling one takes a fraction of a second. */
    private static final int KEPT_PROGRAMS = 3;

    /** Batch whose memory layout tells the bytes per image; large enough that rounding up does not matter. */
    private static final int PROBE_IMAGES = 4;

    private record Key(boolean training, int images) {}

    private final Plan plan;
    private final NativeThread thread = new NativeThread();
    private final engine cpu;
    private final LinkedHashMap<Key, OneDnnProgram> programs = new LinkedHashMap<>(8, 0.75f, true);

    OneDnnExecutor(Plan plan) {
        this.plan = plan;
        cpu = thread.call(() -> new engine(engine.kind.cpu, 0));
    }

    @Override
    public String name() {
        return "onednn";
    }

    @Override
    public int threads() {
        return Runtime.getRuntime().availableProcessors();
    }

    @Override
    public long bytesPerImage() {
        return thread.call(() -> program(true, PROBE_IMAGES).sharedBytes() / PROBE_IMAGES);
    }

    @Override
    public float[] embed(Parameters parameters, float[] pixels, int images) {
        return thread.call(() -> {
            OneDnnProgram program = program(false, images);
            program.load(parameters);
            return program.forward(pixels);
        });
    }

    @Override
    public Map<String, Statistics> batchStatistics(Parameters parameters, float[] pixels, int images) {
        return thread.call(() -> {
            OneDnnProgram program = program(true, images);
            program.load(parameters);
            program.forward(pixels);
            return program.statistics(parameters);
        });
    }

    @Override
    public Pass forward(Parameters parameters, float[] pixels, int images) {
        float[] embeddings = thread.call(() -> {
            OneDnnProgram program = program(true, images);
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
                    OneDnnProgram program = program(true, images);
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
    private OneDnnProgram program(boolean training, int images) {
        Key key = new Key(training, images);
        OneDnnProgram program = programs.get(key);
        if (program == null) {
            if (programs.size() >= KEPT_PROGRAMS) {
                Key eldest = programs.keySet().iterator().next();
                programs.remove(eldest).close();
            }
            program = new OneDnnProgram(plan, images, training, cpu);
            programs.put(key, program);
        }
        return program;
    }

    /** The program for benchmarks to look into. */
    OneDnnProgram trainingProgram(int images) {
        return thread.call(() -> program(true, images));
    }

    @Override
    public void close() {
        thread.call(() -> {
            programs.values().forEach(OneDnnProgram::close);
            programs.clear();
            cpu.close();
            return true;
        });
        thread.close();
    }
}
