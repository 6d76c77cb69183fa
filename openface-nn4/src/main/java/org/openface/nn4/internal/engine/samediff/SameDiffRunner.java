package org.openface.nn4.internal.engine.samediff;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.listeners.At;
import org.nd4j.autodiff.listeners.Listener;
import org.nd4j.autodiff.listeners.Operation;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.config.ExecutionResult;
import org.nd4j.autodiff.samediff.config.SDValue;
import org.nd4j.autodiff.samediff.internal.FrameIter;
import org.nd4j.autodiff.samediff.internal.InferenceSession;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.openface.nn4.internal.engine.NativeThread;
import org.openface.nn4.internal.engine.host.Runner;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Nn4Graph.BatchStatistics;
import org.openface.nn4.internal.network.Parameters;

/**
 * Runs the SameDiff graph with ND4J's own session and operations: works on every backend, and is what other engines are
 * compared with.
 *
 * <p>A training step is one session run over forward and backward operations together. Between them stands an
 * {@code identity} of the embeddings: when the session comes to it, it hands the embeddings out and waits; when the
 * gradient arrives, that becomes the identity's "output", from which the backward operations go on. So nothing is computed
 * twice and the session frees each activation after its last use.
 */
public final class SameDiffRunner implements Runner {
    private static final String LOSS_GRADIENT = "lossGradient";

    private final NativeThread thread = new NativeThread();
    private final int threads;

    private final Architecture architecture;
    private final int embeddingSize;
    private @Nullable Loaded training;
    private @Nullable Loaded inference;

    public SameDiffRunner(Architecture architecture, int embeddingSize) {
        this.architecture = architecture;
        this.embeddingSize = embeddingSize;
        threads = thread.call(Nd4jThreads::set);
    }

    @Override
    public String name() {
        return "samediff";
    }

    @Override
    public int threads() {
        return threads;
    }

    @Override
    public long bytes(int images) {
        // Measured for small2 and nn4 at 96 pixels (18 and 26 MB); activations grow with the area.
        long perImage = architecture.blocks().size() > 7 ? 26_000_000L : 18_000_000L;
        return images * perImage * architecture.imageSize() * architecture.imageSize() / (96 * 96);
    }

    /** ND4J allocates past JavaCPP's limits. */
    @Override
    public long mostBytes() {
        return Long.MAX_VALUE;
    }

    @Override
    public float[] embed(Parameters parameters, float[] pixels, int images) {
        return thread.call(() -> {
            Loaded graph = inferenceGraph();
            graph.load(parameters);
            int side = architecture.imageSize();
            float[] exactly = Arrays.copyOf(pixels, images * side * side * 3);
            Map<String, INDArray> arrays = graph.run(List.of(Nn4Graph.EMBEDDING), exactly, images);
            float[] embeddings = floats(arrays.get(Nn4Graph.EMBEDDING));
            release(arrays);
            return embeddings;
        });
    }

    @Override
    public Map<String, Statistics> batchStatistics(Parameters parameters, float[] pixels, int images) {
        return thread.call(() -> {
            Loaded graph = trainingGraph();
            graph.load(parameters);
            Map<String, INDArray> arrays = graph.run(graph.statisticNames(), pixels, images);
            Map<String, Statistics> statistics = graph.statistics(arrays);
            release(arrays);
            return statistics;
        });
    }

    @Override
    public Pass forward(Parameters parameters, float[] pixels, int images) {
        CompletableFuture<float[]> embeddings = new CompletableFuture<>();
        CompletableFuture<float[]> gradient = new CompletableFuture<>();
        Future<Result> result = thread.submit(() -> {
            try {
                Loaded graph = trainingGraph();
                graph.load(parameters);
                return graph.trainingStep(pixels, images, embeddings, gradient);
            } catch (Throwable e) {
                embeddings.completeExceptionally(e);
                throw e;
            }
        });
        float[] values = NativeThread.join(embeddings);
        return new Pass() {
            @Override
            public float[] embeddings() {
                return values;
            }

            @Override
            public Result backward(float[] embeddingGradient) {
                gradient.complete(embeddingGradient);
                return NativeThread.join(result);
            }

            @Override
            public void drop() {
                gradient.completeExceptionally(new PassDropped());
                try {
                    NativeThread.join(result);
                } catch (PassDropped expected) {
                    // the session has unwound
                }
            }
        };
    }

    @Override
    public void close() {
        thread.call(() -> {
            if (training != null) {
                training.close();
                training = null;
            }
            if (inference != null) {
                inference.close();
                inference = null;
            }
            return true;
        });
        thread.close();
    }

    private Loaded trainingGraph() {
        if (training == null) {
            training = new Loaded(new Nn4Graph(architecture, embeddingSize, true), true);
        }
        return training;
    }

    private Loaded inferenceGraph() {
        if (inference == null) {
            inference = new Loaded(new Nn4Graph(architecture, embeddingSize, false), false);
        }
        return inference;
    }

    /** Unwinds a session whose gradient will not come. */
    private static final class PassDropped extends RuntimeException {
        PassDropped() {
            super(null, null, false, false);
        }
    }

    /** A graph with the arrays of its parameters and the session that runs it. */
    private final class Loaded {
        private final Nn4Graph definition;
        private final SameDiff graph;
        private final Map<String, BatchStatistics> batchStatistics;
        private final Map<String, String> gradientNames = new LinkedHashMap<>();
        private Session session;
        private int version = -1;

        Loaded(Nn4Graph definition, boolean withBackward) {
            this.definition = definition;
            graph = definition.sameDiff();
            batchStatistics = definition.batchStatistics();
            if (withBackward) {
                SDVariable lossGradient = graph.identity(LOSS_GRADIENT, graph.getVariable(Nn4Graph.EMBEDDING));
                Set<String> trained = new LinkedHashSet<>();
                for (TensorSpec spec : architecture.tensors(embeddingSize)) {
                    if (spec.trained()) {
                        trained.add(spec.name());
                    }
                }
                Backward.add(graph, Nn4Graph.EMBEDDING, lossGradient, trained)
                        .forEach((name, variable) -> gradientNames.put(name, variable.name()));
            }
            session = new Session(graph);
        }

        void load(Parameters parameters) {
            if (version == parameters.version()) {
                return;
            }
            definition.load(parameters);
            version = parameters.version();
        }

        List<String> statisticNames() {
            List<String> names = new ArrayList<>();
            for (BatchStatistics layer : batchStatistics.values()) {
                names.add(layer.mean());
                names.add(layer.variance());
            }
            return names;
        }

        Map<String, Statistics> statistics(Map<String, INDArray> arrays) {
            Map<String, Statistics> all = new LinkedHashMap<>();
            batchStatistics.forEach((layer, names) -> all.put(
                    layer, new Statistics(floats(arrays.get(names.mean())), floats(arrays.get(names.variance())))));
            return all;
        }

        Result trainingStep(
                float[] pixels,
                int images,
                CompletableFuture<float[]> embeddings,
                CompletableFuture<float[]> lossGradient) {
            session.pause = new Pause(embeddings, lossGradient);
            List<String> wanted = new ArrayList<>(gradientNames.values());
            wanted.addAll(statisticNames());
            Map<String, INDArray> arrays = run(wanted, pixels, images);
            Map<String, float[]> gradients = new HashMap<>();
            gradientNames.forEach((parameter, name) -> gradients.put(parameter, floats(arrays.get(name))));
            Result result = new Result(gradients, statistics(arrays));
            release(arrays);
            return result;
        }

        Map<String, INDArray> run(List<String> wanted, float[] pixels, int images) {
            int side = architecture.imageSize();
            boolean done = false;
            try (INDArray flat = Nd4j.createFromArray(pixels)) {
                Map<String, INDArray> result = session.output(
                        wanted,
                        Map.of(Nn4Graph.INPUT, flat.reshape(images, side, side, 3)),
                        null,
                        List.of(),
                        List.of(),
                        At.defaultAt(Operation.INFERENCE));
                done = true;
                return result;
            } finally {
                if (!done) {
                    session = new Session(graph); // the old one stopped half-way and may hold anything
                }
            }
        }

        void close() {
            session.getMmgr().close();
            graph.variables().forEach(v -> {
                INDArray array = v.getArr();
                if (array != null && !array.wasClosed()) {
                    array.setCloseable(true); // SameDiff forbids it for what belongs to a graph
                    array.close();
                }
            });
        }
    }

    private record Pause(CompletableFuture<float[]> embeddings, CompletableFuture<float[]> gradient) {}

    private static final class Session extends InferenceSession {
        private @Nullable Pause pause;

        Session(SameDiff graph) {
            super(graph);
        }

        @Override
        public ExecutionResult doExec(
                DifferentialFunction op,
                OpContext context,
                FrameIter frame,
                Set<VarId> inputs,
                Set<VarId> allIterInputs,
                Set<String> constants,
                Map<String, SDValue> other) {
            if (!LOSS_GRADIENT.equals(op.outputVariablesNames()[0])) {
                return super.doExec(op, context, frame, inputs, allIterInputs, constants, other);
            }
            Pause now = pause;
            if (now == null) {
                throw new IllegalStateException("a backward pass was asked for without a gradient");
            }
            now.embeddings.complete(floats(context.getInputArray(0)));
            INDArray out = context.getOutputArray(0);
            try (INDArray gradient = Nd4j.createFromArray(NativeThread.join(now.gradient))) {
                out.assign(gradient.reshape(out.shape()));
            }
            return ExecutionResult.createFrom(op, context);
        }

        @Override
        public Map<String, INDArray> output(
                List<String> variables,
                Map<String, INDArray> placeholders,
                @Nullable MultiDataSet batch,
                Collection<String> requiredActivations,
                List<Listener> listeners,
                At at) {
            try {
                return super.output(variables, placeholders, batch, requiredActivations, listeners, at);
            } finally {
                pause = null;
                freedArrays.clear(); // ND4J never does, and it grows with every step
            }
        }
    }

    /** What a session returns is its caller's; left to Java's collector, 15 MB a step would wait for it. */
    private static void release(Map<String, INDArray> arrays) {
        arrays.values().forEach(array -> {
            if (array.closeable()) {
                array.close();
            }
        });
    }

    private static float[] floats(@Nullable INDArray array) {
        if (array == null) {
            throw new IllegalStateException("the session returned no such array");
        }
        return array.ordering() == 'c' && !array.isView()
                ? array.data().asFloat()
                : array.dup('c').data().asFloat();
    }
}
