package org.openface.nn4.internal.engine.host;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.StepReport;
import org.openface.nn4.internal.engine.Executor;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;
import org.openface.nn4.internal.state.State;

/**
 * Keeps all that a training changes in plain arrays and does in plain Java what follows the backward pass, for any
 * {@link Runner}. {@link #state} costs nothing here: it is these arrays.
 */
public final class HostExecutor implements Executor {
    private final Runner runner;
    private final Architecture architecture;
    private final int embeddingSize;
    private final List<TensorSpec> specs;
    /** Of what is trained. */
    private final List<Slice> slices;

    private Parameters parameters;
    private OptimizerMemory memory;
    /** The latest copy for those who embed with the weights of a moment. */
    private @Nullable Frozen frozen;

    private @Nullable GradientSum gradients;
    private @Nullable RunningStatistics statistics;

    /** A network all of zeros, to be loaded, on a runner that is closed with it. */
    public HostExecutor(Runner runner, Architecture architecture, int embeddingSize) {
        this.runner = runner;
        this.architecture = architecture;
        this.embeddingSize = embeddingSize;
        specs = architecture.tensors(embeddingSize);
        slices = Slice.of(specs.stream().filter(TensorSpec::trained).toList());
        parameters = Parameters.zeros(specs);
        memory = new OptimizerMemory(specs);
    }

    @Override
    public String name() {
        return runner.name();
    }

    @Override
    public int threads() {
        return runner.threads();
    }

    @Override
    public long bytes(int images) {
        return runner.bytes(images);
    }

    @Override
    public long mostBytes() {
        return runner.mostBytes();
    }

    @Override
    public void load(State state) {
        checkArgument(
                state.parameters().specs().equals(specs)
                        && state.memory().specs().equals(specs),
                "parameters of another network");
        parameters = state.parameters();
        memory = state.memory();
    }

    @Override
    public State state() {
        return State.of(parameters, memory);
    }

    @Override
    public int version() {
        return embedding().version();
    }

    private Parameters embedding() {
        return memory.average().orElse(parameters);
    }

    private record Frozen(Parameters values) implements Weights {
        @Override
        public int version() {
            return values.version();
        }
    }

    @Override
    public Weights weights() {
        Frozen now = frozen;
        if (now == null || now.version() != version()) {
            now = new Frozen(embedding().snapshot());
            frozen = now;
        }
        return now;
    }

    @Override
    public float[] embed(float[] pixels, int images) {
        return runner.embed(embedding(), pixels, images);
    }

    @Override
    public float[] embed(Weights weights, float[] pixels, int images) {
        return runner.embed(weights.values(), pixels, images);
    }

    @Override
    public void begin() {
        gradients = new GradientSum();
        statistics = new RunningStatistics(architecture, embeddingSize);
    }

    @Override
    public Pass forward(float[] pixels, int images) {
        Runner.Pass pass = runner.forward(parameters, pixels, images);
        return new Pass() {
            @Override
            public float[] embeddings() {
                return pass.embeddings();
            }

            @Override
            public void backward(float[] embeddingGradient, float share) {
                GradientSum sum = begun(gradients);
                RunningStatistics running = begun(statistics);
                Runner.Result result = pass.backward(embeddingGradient);
                sum.add(result.gradients(), share == 1);
                running.add(result.statistics(), images, share);
            }

            @Override
            public void drop() {
                pass.drop();
            }
        };
    }

    @Override
    public StepReport finish(Optimizer optimizer) {
        GradientSum sum = begun(gradients);
        RunningStatistics running = begun(statistics);
        end();
        running.follow(parameters);
        Optional<String> notFinite = running.firstNonFinite();
        double squares = 0;
        if (notFinite.isEmpty()) {
            double[] own = sum.squares(slices);
            for (int i = 0; i < own.length; i++) {
                if (notFinite.isEmpty() && !Double.isFinite(own[i])) {
                    notFinite = Optional.of(slices.get(i).tensor().name());
                }
                squares += own[i];
            }
        }
        UpdateRule rule = new UpdateRule(memory);
        if (notFinite.isEmpty()) {
            notFinite = rule.apply(optimizer, parameters, sum.byName());
        }
        if (notFinite.isPresent()) {
            return new StepReport(Double.NaN, notFinite);
        }
        running.into(parameters);
        rule.average(optimizer, parameters);
        return new StepReport(Math.sqrt(squares), Optional.empty());
    }

    @Override
    public void addStatistics(float[] pixels, int images, float share) {
        begun(statistics).add(runner.batchStatistics(embedding(), pixels, images), images, share);
    }

    @Override
    public Optional<String> finishStatistics() {
        RunningStatistics estimated = begun(statistics);
        end();
        Optional<String> notFinite = estimated.firstNonFinite();
        if (notFinite.isEmpty()) {
            Parameters embedding = embedding();
            estimated.into(embedding);
            embedding.changed();
        }
        return notFinite;
    }

    private static <T> T begun(@Nullable T sum) {
        checkState(sum != null, "nothing was begun that passes could be added to");
        return sum;
    }

    private void end() {
        gradients = null;
        statistics = null;
    }

    @Override
    public void close() {
        runner.close();
    }
}
