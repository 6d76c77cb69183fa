package org.openface.nn4.internal.engine.onednn;

import static com.google.common.base.Preconditions.checkState;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.bytedeco.dnnl.engine;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.engine.Executor;
import org.openface.nn4.internal.engine.NativeThread;
import org.openface.nn4.internal.engine.host.Runner;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram.Mode;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.Plan;

/**
 * Runs the plan of the SameDiff graph on oneDNN through its JavaCPP preset: several times faster than ND4J's session on a
 * CPU.
 */
public final class OneDnnRunner implements Runner {
    /** Programs kept at least, for batches of different sizes; compiling one takes a fraction of a second. */
    private static final int FEWEST_PROGRAMS = 3;

    /** Programs kept at most: more than the rooms between a size and half of it. */
    private static final int MOST_PROGRAMS = 24;

    /** Runs after which the memory that only a program needs which was not used is given up. */
    private static final int IDLE_RUNS = 100;

    /** Primitives and their compiled code, per program: measured, 8 to 10 MB. */
    private static final long PROGRAM_BYTES = 9L << 20;

    /** Images are embedded in pieces of powers of two, so that few programs serve all numbers of them. */
    private static final int LARGEST_PIECE = Executor.INFERENCE_BATCH;

    private static final System.Logger LOG = System.getLogger(OneDnnRunner.class.getName());

    private record Key(Mode mode, int room) {}

    /** A program and the number of the run that last used it. */
    private static final class Kept {
        final OneDnnProgram program;
        long lastRun;

        Kept(OneDnnProgram program) {
            this.program = program;
        }
    }

    private final Plan plan;
    private final NativeThread thread = new NativeThread();
    private final int threads;
    private final int keptPrograms;
    private final engine cpu;
    private final OneDnnWeights weights;
    /** Ordered from the one unused for longest. */
    private final LinkedHashMap<Key, Kept> programs = new LinkedHashMap<>(8, 0.75f, true);

    /** The memory that all programs work in, one at a time; as large as the largest needs. */
    private BytePointer arena = new BytePointer();

    private final Map<Integer, Long> bytes = new HashMap<>();
    private final Mode trainingMode;
    private long runs;
    /** The pass whose activations are in the arena. */
    private @Nullable Object activations;

    private boolean warned;

    public OneDnnRunner(Plan plan) {
        this(plan, Mode.TRAINING);
    }

    /**
     * A runner for one way of training.
     *
     * @param trainingMode whether training steps use the batch's statistics or the running ones
     */
    public OneDnnRunner(Plan plan, Mode trainingMode) {
        this.plan = plan;
        this.trainingMode = trainingMode;
        cpu = thread.call(() -> new engine(engine.kind.cpu, 0));
        threads = thread.call(OpenMp::setForThisThread); // of the library that is loaded now
        weights = thread.call(() -> new OneDnnWeights(cpu));
        keptPrograms = (int) Math.max(FEWEST_PROGRAMS, Math.min(MOST_PROGRAMS, mostBytes() / 16 / PROGRAM_BYTES));
    }

    @Override
    public String name() {
        // Another set of instructions rounds differently.
        return "onednn-" + OneDnn.instructionSet() + (trainingMode == Mode.TRAINING_BFLOAT16 ? "-bfloat16" : "");
    }

    @Override
    public int threads() {
        return threads;
    }

    /** The programs; the arena, as large as training or embedding needs it, and the parameters in the layouts of both. */
    @Override
    public long bytes(int images) {
        return thread.call(() -> bytes.computeIfAbsent(images, this::measure));
    }

    private long measure(int images) {
        try (OneDnnProgram training = new OneDnnProgram(plan, room(images), trainingMode, cpu, weights);
                OneDnnProgram inference =
                        new OneDnnProgram(plan, Executor.INFERENCE_BATCH, Mode.INFERENCE, cpu, weights)) {
            warnOfSlowCode(training); // before hours are spent with it
            Set<OneDnnWeights.Stored> parameters = new HashSet<>(training.borrowed());
            parameters.addAll(inference.borrowed());
            return Math.max(training.sharedBytes(), inference.sharedBytes())
                    + parameters.stream().mapToLong(OneDnnWeights.Stored::size).sum()
                    + OneDnnWeights.plainBytes(parameters)
                    + keptPrograms * PROGRAM_BYTES;
        }
    }

    /** JavaCPP's limits are by default one and four times the heap's size; others in the process count, too. */
    @Override
    public long mostBytes() {
        long most = Pointer.maxBytes() > 0 ? Pointer.maxBytes() : Long.MAX_VALUE;
        if (Pointer.maxPhysicalBytes() > 0) {
            most = Math.min(
                    most, Pointer.maxPhysicalBytes() - Runtime.getRuntime().maxMemory());
        }
        return most - most / 8;
    }

    @Override
    public float[] embed(Parameters parameters, float[] pixels, int images) {
        return thread.call(() -> {
            float[] all = new float[images * plan.output().channels()];
            for (int done = 0; done < images; ) {
                int piece = Math.min(LARGEST_PIECE, Integer.highestOneBit(images - done));
                float[] embeddings =
                        run(Mode.INFERENCE, parameters, pixels, done, piece).embeddings();
                System.arraycopy(embeddings, 0, all, done * plan.output().channels(), embeddings.length);
                done += piece;
            }
            return all;
        });
    }

    @Override
    public Map<String, Statistics> batchStatistics(Parameters parameters, float[] pixels, int images) {
        return thread.call(
                () -> run(trainingMode, parameters, pixels, images).program().statistics(parameters));
    }

    @Override
    public Pass forward(Parameters parameters, float[] pixels, int images) {
        Ran ran = thread.call(() -> run(trainingMode, parameters, pixels, images));
        return new Pass() {
            @Override
            public float[] embeddings() {
                return ran.embeddings();
            }

            @Override
            public Result backward(float[] embeddingGradient) {
                return thread.call(() -> {
                    checkState(activations == ran, "another pass has overwritten the activations of this one");
                    return new Result(
                            ran.program().backward(embeddingGradient),
                            ran.program().statistics(parameters));
                });
            }

            @Override
            public void drop() {
                // the activations are overwritten by the next pass
            }
        };
    }

    /** What ran forward, with its result; one object per run. */
    private static final class Ran {
        private final OneDnnProgram program;
        private final float[] embeddings;

        Ran(OneDnnProgram program, float[] embeddings) {
            this.program = program;
            this.embeddings = embeddings;
        }

        OneDnnProgram program() {
            return program;
        }

        float[] embeddings() {
            return embeddings;
        }
    }

    private Ran run(Mode mode, Parameters parameters, float[] pixels, int images) {
        return run(mode, parameters, pixels, 0, images);
    }

    /** @param first image of those in the array */
    private Ran run(Mode mode, Parameters parameters, float[] pixels, int first, int images) {
        OneDnnProgram program = program(mode, images);
        program.load(parameters);
        Ran ran = new Ran(program, program.forward(pixels, first));
        activations = ran;
        return ran;
    }

    /**
     * The room that batches of so many images share: rounded up to sixteen numbers for each power of two, so that at most
     * a sixteenth of it is empty. A pure function of the number, since other room may round differently.
     */
    static int room(int images) {
        int unit = Math.max(1, Integer.highestOneBit(images) / 16);
        return (images + unit - 1) / unit * unit;
    }

    /** The program for a batch size, compiled at its first use, ready to run; the one unused for longest makes room. */
    private OneDnnProgram program(Mode mode, int images) {
        activations = null;
        Key key = new Key(mode, mode == Mode.INFERENCE ? images : room(images));
        Kept kept = programs.get(key);
        if (kept == null) {
            if (programs.size() >= keptPrograms) {
                giveUpEldest();
            }
            kept = new Kept(new OneDnnProgram(plan, key.room, mode, cpu, weights));
            programs.put(key, kept);
            warnOfSlowCode(kept.program);
        }
        kept.lastRun = ++runs;
        try {
            fitArena();
            kept.program.bind(arena, images);
        } catch (Throwable e) { // no memory: those kept before still have enough
            programs.remove(key);
            kept.program.close();
            throw e;
        }
        return kept.program;
    }

    private void giveUpEldest() {
        Iterator<Kept> all = programs.values().iterator();
        OneDnnProgram eldest = all.next().program;
        all.remove();
        eldest.close();
    }

    private void fitArena() {
        long needed = programs.values().stream()
                .filter(kept -> kept.lastRun + IDLE_RUNS >= runs)
                .mapToLong(kept -> kept.program.sharedBytes())
                .max()
                .orElse(0);
        // Twice as large as needed is let be: batches of many sizes would have it given back and taken again all the
        // time.
        if (arena.capacity() < needed || arena.capacity() / 2 > needed) {
            BytePointer old = arena;
            arena = new BytePointer(); // in case there is no memory for the next
            old.close();
            arena = new BytePointer(needed);
            HugePages.wantedFor(arena);
        }
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

    /** Bytes of the memory that programs work in; for tests. */
    public long arenaBytes() {
        return thread.call(arena::capacity);
    }

    @Override
    public void close() {
        thread.call(() -> {
            programs.values().forEach(kept -> kept.program.close());
            programs.clear();
            weights.close();
            arena.close();
            cpu.close();
            return true;
        });
        thread.close();
    }
}
