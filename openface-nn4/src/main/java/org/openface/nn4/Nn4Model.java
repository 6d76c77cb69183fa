package org.openface.nn4;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import org.nd4j.autodiff.samediff.SameDiff;
import org.openface.core.embedding.Embedding;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.embedding.FaceEmbedder.Calibration;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.embedding.TrainableEmbedder.TrainingRecord;
import org.openface.core.image.AlignmentProfile;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.AtomicFile;
import org.openface.nn4.internal.engine.Executor;
import org.openface.nn4.internal.format.ModelFile;
import org.openface.nn4.internal.format.ModelFormats;
import org.openface.nn4.internal.format.OnnxFile;
import org.openface.nn4.internal.format.Safetensors;
import org.openface.nn4.internal.format.TorchNetwork;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;
import org.openface.nn4.internal.state.State;
import org.openface.nn4.internal.training.Chunks;
import org.openface.nn4.internal.training.StatisticsEstimate;
import org.openface.nn4.internal.training.TrainingStep;

/**
 * One of OpenFace's nn4 networks: turns aligned faces into embeddings of unit length, and learns.
 *
 * <p>The network is defined in SameDiff and run by an {@link Engine}. It holds native memory until it is closed. Methods
 * may be called from any thread; they run one at a time, and {@link #embed} waits while a training step is under way. Inside
 * a forward pass neither its thread nor one that it waits for can use the network otherwise.
 *
 * <p>Source: OpenFace's {@code models/openface/*.def.lua}; Schroff, Kalenichenko and Philbin, <i>FaceNet</i>, 2015.
 */
// Longer than a class should be, as it is all that users see of a network: a third is documentation, and others do
// what it does.
public final class Nn4Model implements TrainableEmbedder {
    /** The networks, with OpenFace's names and their number of parameters at embedding size 128. */
    public enum Variant {
        /** OpenFace's nn4: 96 × 96 pixels, 6,959,088 parameters. */
        NN4(Architecture.NN4),
        /** OpenFace's nn4.small1: 96 × 96 pixels, 5,579,520 parameters. */
        NN4_SMALL1(Architecture.NN4_SMALL1),
        /** OpenFace's nn4.small2, its best: 96 × 96 pixels, 3,733,968 parameters. */
        NN4_SMALL2(Architecture.NN4_SMALL2),
        /**
         * The network of OpenFace's published weights {@code nn4.small2.v1}: nn4.small2 but for the strides and padding of
         * the pooling branches, with which it was trained. For new models take {@link #NN4_SMALL2}.
         */
        NN4_SMALL2_V1(Architecture.NN4_SMALL2_V1),
        /** OpenFace's nn2: 224 × 224 pixels, 7,472,144 parameters. */
        NN2(Architecture.NN2);

        private final Architecture architecture;

        Variant(Architecture architecture) {
            this.architecture = architecture;
        }

        Architecture architecture() {
            return architecture;
        }

        private static Variant of(Architecture architecture) {
            return valueOf(architecture.name());
        }
    }

    /** What runs the network. All give the same results but for rounding. */
    public enum Engine {
        /**
         * {@link #ONEDNN} where it loads, and otherwise {@link #SAMEDIFF}; but with ND4J's backend of a GPU on the class path
         * {@link #SAMEDIFF}, which computes there.
         */
        AUTO,
        /** oneDNN, on the CPU: fast. Needs {@code org.bytedeco:dnnl} with its native jar, and nothing of ND4J. */
        ONEDNN,
        /** ND4J's own session with stock operations: needs one ND4J backend and runs on each, on a CPU slower. */
        SAMEDIFF
    }

    /** What a training computes in. Whatever it is, weights, files and embeddings are float32. */
    public enum Precision {
        /** Single precision throughout: the gradients are those of an exact computation to some 1e-5. */
        FLOAT32(org.openface.nn4.internal.engine.Precision.FLOAT32),
        /**
         * Mixed precision: in training steps activations, their gradients and the weights that convolutions multiply with
         * are rounded to bfloat16, which takes a third less time and half the memory; weights themselves, their gradients, sums,
         * batch statistics and the head stay float32. Single gradients point elsewhere by some 30 degrees, at random, as in
         * PyTorch's mixed precision; measured, networks learn as much. Embeddings outside of training steps are computed as ever. Runs on {@link Engine#ONEDNN} on
         * processors that multiply it by themselves (avx512_bf16, AMX), and is refused elsewhere.
         *
         * <p>Source: Kalamkar et al., <i>A Study of BFLOAT16 for Deep Learning Training</i>, 2019.
         */
        BFLOAT16(org.openface.nn4.internal.engine.Precision.BFLOAT16);

        private final org.openface.nn4.internal.engine.Precision internal;

        Precision(org.openface.nn4.internal.engine.Precision internal) {
            this.internal = internal;
        }
    }

    private final Variant variant;
    private final int embeddingSize;
    private final Executor executor;
    private final BoundPassport passport;
    private final ExclusiveUse use;
    private final Passes passes;

    private Nn4Model(ModelFile.Contents contents, ModelPassport passport, Engine engine, Precision precision) {
        this.variant = Variant.of(contents.network());
        this.embeddingSize = contents.embeddingSize();
        executor = Engines.create(engine, precision.internal, variant.architecture(), embeddingSize);
        executor.load(State.of(contents.parameters(), contents.memory()));
        this.passport = new BoundPassport(executor);
        this.passport.set(passport);
        use = new ExclusiveUse(this.passport::refresh);
        passes = new Passes(variant, embeddingSize, executor, use);
    }

    /** A new network with random weights; see {@link Builder} for the settings and their defaults. */
    public static Builder builder(Variant variant) {
        return new Builder(variant);
    }

    /** The formats of other programs that {@link #export} writes; all but ONNX can be loaded, too. */
    public enum Format {
        /**
         * Safetensors for programs that change it: the tensors, their names, the variant and the passport are as in a file that
         * {@link #save} writes, but no checksum refuses what was changed.
         */
        SAFETENSORS,
        /** Torch7's binary {@code .t7}, for OpenFace's own programs. No passport. */
        TORCH,
        /** Torch7's {@code .t7} in ascii. No passport. */
        TORCH_ASCII,
        /**
         * ONNX for inference, batch-norm folded in: from {@code images}, [n][3][side][side] in RGB from 0 to 1, to
         * {@code embeddings}; the metadata hold the variant and the passport. {@link #load} cannot read it and says so.
         */
        ONNX
    }

    /**
     * Opens a model written by {@link #save} of this or an earlier version, a training checkpoint's model, a network in
     * safetensors, or one in Torch7's {@code .t7} such as OpenFace's: which, is told by the contents. It can be trained on from
     * there.
     *
     * @throws IOException if the file cannot be read, is no such model, or is damaged
     */
    public static Nn4Model load(Path file) throws IOException {
        return load(file, Engine.AUTO);
    }

    /** As {@link #load(Path)}, with a choice of what runs the network. */
    public static Nn4Model load(Path file, Engine engine) throws IOException {
        return load(file, engine, Precision.FLOAT32);
    }

    /** As {@link #load(Path)}, with a choice of what runs the network, and what a training computes in. */
    public static Nn4Model load(Path file, Engine engine, Precision precision) throws IOException {
        Engines.prepare(engine);
        ModelFile.Contents contents = ModelFormats.read(file);
        try {
            return new Nn4Model(contents, ModelPassport.read(contents.passport()), engine, precision);
        } catch (IOException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
    }

    /**
     * Writes the weights that the network embeds with, their running statistics and the passport, without the optimiser's
     * memory: as safetensors, under any file name, with a checksum in the metadata that {@link #load} holds the file against. Where {@link Optimizer#averaged} keeps an average, that is what is written; the weights that training goes on
     * from are in {@link #writeState} and in checkpoints.
     *
     * <p>The file is written beside its place, made sure of on disk and then moved there, so that it is whole or not there.
     * It keeps the permissions of one that it replaces, and is its owner's otherwise.
     *
     * @throws IOException if the file cannot be written, naming it
     */
    public void save(Path file) throws IOException {
        write(file, ModelFile::write);
    }

    /** Writes the weights in another program's format, as {@link #save} writes its own. */
    public void export(Path file, Format format) throws IOException {
        write(
                file,
                switch (format) {
                    case SAFETENSORS -> Safetensors::write;
                    case TORCH -> (out, contents) -> TorchNetwork.write(out, contents, false);
                    case TORCH_ASCII -> (out, contents) -> TorchNetwork.write(out, contents, true);
                    case ONNX -> OnnxFile::write;
                });
    }

    private interface ContentsWriter {
        void write(OutputStream out, ModelFile.Contents contents) throws IOException;
    }

    private void write(Path file, ContentsWriter writer) throws IOException {
        ModelFile.Contents contents = use.get(() -> new ModelFile.Contents(
                variant.architecture(),
                embeddingSize,
                executor.weights().values(),
                new OptimizerMemory(variant.architecture().tensors(embeddingSize)),
                passport.get().toFields()));
        AtomicFile.write(file.toAbsolutePath(), out -> writer.write(out, contents));
    }

    /**
     * What the model's file says about it besides the weights. Its threshold is one for the present weights: as soon as a
     * step, new statistics or another state change what the network embeds with, there is none.
     */
    public ModelPassport passport() {
        return passport.get();
    }

    /**
     * Replaces the passport, for the next {@link #save}. A threshold of no known weights is taken as one for the present
     * ones; one that was measured with others is left out.
     *
     * @throws IllegalArgumentException if its {@link ModelPassport#preprocessing} is not what this library does
     */
    public void setPassport(ModelPassport newPassport) {
        newPassport.requirePreprocessing();
        use.run(() -> passport.set(newPassport));
    }

    @Override
    public void describe(TrainingRecord record) {
        use.run(() -> passport.set(passport.get().after(record)));
    }

    /** Over the weights that the network embeds with and their running statistics. */
    @Override
    public Optional<String> fingerprint() {
        return Optional.of(use.get(passport::fingerprint));
    }

    /** Writes the threshold into the passport, if that has none and the present weights are those that were evaluated. */
    @Override
    public void calibrate(Calibration calibration) {
        use.run(() -> {
            ModelPassport present = passport.get();
            if (present.threshold().isEmpty() && passport.fingerprint().equals(calibration.fingerprint())) {
                passport.set(present.withThreshold(calibration.threshold(), calibration.halfWidth()));
            }
        });
    }

    /** From the {@link #passport}. */
    @Override
    public Optional<AlignmentProfile> alignmentProfile() {
        return passport.get().alignment();
    }

    /** The network block by block, as a table and as a picture. */
    public ModelSummary summary() {
        return ModelSummary.of(variant, embeddingSize);
    }

    /** Which network this is. */
    public Variant variant() {
        return variant;
    }

    @Override
    public int imageSize() {
        return variant.architecture().imageSize();
    }

    @Override
    public int dimension() {
        return embeddingSize;
    }

    /** Number of trained parameters, counted as Torch's {@code getParameters()} does (without running statistics). */
    public long parameterCount() {
        return variant.architecture().tensors(embeddingSize).stream()
                .filter(TensorSpec::trained)
                .mapToLong(TensorSpec::length)
                .sum();
    }

    /**
     * As {@link FaceEmbedder#embed(List)}, all with the same weights, also while a training goes on. Where {@link
     * Optimizer#averaged} keeps an average of the weights, it is the average that embeds.
     */
    @Override
    public EmbeddingBatch embed(List<RgbImage> faces) {
        return passes.embed(faces);
    }

    /** This network, which embeds with the average of its weights wherever there is one. */
    @Override
    public FaceEmbedder averaged() {
        return this;
    }

    /**
     * Whether two aligned faces are of one person: whether their squared distance is below the passport's threshold.
     *
     * @throws IllegalStateException if the passport has no threshold for the present weights
     */
    public boolean samePerson(RgbImage first, RgbImage second) {
        EmbeddingBatch embeddings = embed(List.of(first, second));
        return samePerson(embeddings.get(0), embeddings.get(1));
    }

    /** As {@link #samePerson(RgbImage, RgbImage)}, of embeddings that this network has made with its present weights. */
    public boolean samePerson(Embedding first, Embedding second) {
        OptionalDouble threshold = passport.get().threshold();
        checkState(
                threshold.isPresent(),
                "the model has no threshold for its present weights, so it cannot tell whether faces are of one person;"
                        + " evaluate it, as by Verification.pairs(faces).evaluate(model), or set one with setPassport");
        return first.squaredDistance(second) < threshold.getAsDouble();
    }

    /**
     * Trains on from the average of weights and running statistics that {@link Optimizer#averaged} keeps: what is embedded
     * and saved is the average in any case.
     *
     * @throws IllegalStateException if no average is kept
     */
    public void becomeAverage() {
        use.run(() -> {
            OptimizerMemory memory = executor.state().memory();
            Parameters average = memory.average()
                    .orElseThrow(() -> new IllegalStateException(
                            "no average of the weights is kept; train with Optimizer.averaged(decay)"));
            executor.load(State.of(average.copy(), memory));
        });
    }

    @Override
    public void forgetOptimizer() {
        use.run(() -> {
            Parameters parameters = executor.state().parameters();
            executor.load(State.of(parameters, new OptimizerMemory(parameters.specs())));
        });
    }

    /**
     * Embeds a stream of faces of any length with the weights of this moment: read and computed 32
     * at a time, as the result is drawn from.
     */
    public Stream<Embedding> embed(Stream<RgbImage> faces) {
        return passes.embed(faces);
    }

    /**
     * Replaces the running statistics of batch-norm by those of the given faces under the present weights: their average
     * over batches of {@code batchSize} images.
     *
     * <p>Running averages trail behind weights that change fast; after a short training this makes {@link #embed}
     * markedly better. Give a few hundred training faces in random order, since a batch of few identities has other
     * statistics than the world.
     *
     * <p>Takes up to 2 GiB of memory, as a training does by default.
     */
    public void estimateBatchStatistics(List<RgbImage> faces, int batchSize) {
        estimateBatchStatistics(faces, batchSize, Chunks.DEFAULT_BUDGET);
    }

    /**
     * As above with another memory budget: a batch that does not fit is cut, as {@link #plan} would cut it, and its parts
     * are batches of their own.
     *
     * @param memoryBudget bytes that activations and workspaces may take
     * @throws IllegalStateException if the statistics are not finite, naming the layer; the old ones then stay
     */
    @Override
    public void estimateBatchStatistics(List<RgbImage> faces, int batchSize, long memoryBudget) {
        checkArgument(batchSize >= 2, "batchSize (%s) must be at least 2", batchSize);
        checkArgument(faces.size() >= 2, "%s faces have no statistics; give at least 2", faces.size());
        use.run(() -> {
            int size = Chunks.plan(executor, Math.min(batchSize, faces.size()), memoryBudget)
                    .chunkSize();
            StatisticsEstimate.replace(executor, faces, size, passes::pixels);
        });
    }

    @Override
    public ExecutionPlan plan(int batchSize, long memoryBudget) {
        return use.get(() -> Chunks.plan(executor, batchSize, memoryBudget));
    }

    @Override
    public ForwardPass forward(FaceBatch batch, ExecutionPlan plan) {
        checkArgument(
                batch.imageSize() == imageSize(),
                "%s takes images of %s x %s pixels, the batch has %s x %s",
                variant,
                imageSize(),
                imageSize(),
                batch.imageSize(),
                batch.imageSize());
        checkArgument(
                batch.size() <= plan.batchSize(),
                "the batch has %s images, planned were at most %s",
                batch.size(),
                plan.batchSize());
        checkArgument(
                plan.executor().equals(executor.name()),
                "the plan is one for %s, the network runs on %s; make one with this model's plan",
                plan.executor(),
                executor.name());
        return use.open(() -> new ModelPass(
                new TrainingStep(executor, batch.pixels(), batch.size(), embeddingSize, plan.chunkSize()),
                embeddingSize,
                use));
    }

    @Override
    public void writeState(OutputStream out) throws IOException {
        use.acquire();
        try {
            State state = executor.state();
            ModelFile.write(
                    out,
                    new ModelFile.Contents(
                            variant.architecture(),
                            embeddingSize,
                            state.parameters(),
                            state.memory(),
                            passport.get().toFields()));
        } finally {
            use.release();
        }
    }

    @Override
    public void readState(InputStream in) throws IOException {
        ModelFile.Contents contents = ModelFile.readState(in, variant.architecture(), embeddingSize);
        ModelPassport stored = ModelPassport.read(contents.passport());
        use.run(() -> {
            executor.load(State.of(contents.parameters(), contents.memory()));
            passport.set(stored);
        });
    }

    @Override
    public String weightsHash() {
        return use.get(() -> executor.state().parameters().hash());
    }

    /**
     * The network's definition with the weights it embeds with: a SameDiff graph of its own, in training mode (batch-norm with
     * the batch's statistics), from the placeholder {@code input} to {@code embedding}. Changing it changes nothing here.
     *
     * @throws IllegalStateException if there is not one ND4J backend on the class path, whatever runs this network
     */
    public SameDiff toSameDiff() {
        Engines.requireNd4j();
        return use.get(() -> {
            Nn4Graph graph = new Nn4Graph(variant.architecture(), embeddingSize, true);
            graph.load(executor.state().embedding());
            return graph.sameDiff();
        });
    }

    /**
     * Waits for a step under way, then releases all native memory. Closing twice does nothing.
     *
     * @throws IllegalStateException if a forward pass is open, and its thread is this one or does not go on
     */
    @Override
    public void close() {
        use.close(executor::close);
    }

    /** How long to wait for a pass whose thread waits, too; for tests. */
    void setPatience(Duration longest) {
        use.setPatience(longest);
    }

    /** Multiplies every weight by 1 + factor; for tests of how rounding spreads. */
    void nudge(float factor) {
        change((name, value) -> value * (1 + factor));
    }

    /** Multiplies a parameter; for tests of what is too large. */
    void scale(String name, float factor) {
        change((other, value) -> other.equals(name) ? value * factor : value);
    }

    private interface Change {
        float of(String name, float value);
    }

    private void change(Change change) {
        Parameters parameters = executor.state().parameters().copy();
        for (TensorSpec spec : parameters.specs()) {
            float[] values = parameters.get(spec.name());
            for (int i = 0; i < values.length; i++) {
                values[i] = change.of(spec.name(), values[i]);
            }
        }
        parameters.changed();
        executor.load(State.of(parameters, executor.state().memory()));
    }

    /** The parameter values by name; for tests. */
    float[] parameter(String name) {
        return executor.state().parameters().get(name).clone();
    }

    /** Settings of a new network: embeddings of 128 values, seed 2 (OpenFace's defaults). */
    public static final class Builder {
        private final Variant variant;
        private int embeddingSize = 128;
        private long seed = 2;
        private Engine engine = Engine.AUTO;
        private Precision precision = Precision.FLOAT32;

        private Builder(Variant variant) {
            this.variant = variant;
        }

        /**
         * Values per embedding; OpenFace's {@code -embSize}.
         *
         * @param size 1 to 65,536, what model files hold
         */
        public Builder embeddingSize(int size) {
            checkArgument(
                    size > 0 && size <= ModelFile.LARGEST_EMBEDDING,
                    "embeddingSize (%s) must be 1 to %s",
                    size,
                    ModelFile.LARGEST_EMBEDDING);
            this.embeddingSize = size;
            return this;
        }

        /** Decides the starting weights; OpenFace's {@code -manualSeed}. */
        public Builder seed(long newSeed) {
            this.seed = newSeed;
            return this;
        }

        /** What runs the network; {@link Engine#AUTO} by default. */
        public Builder engine(Engine newEngine) {
            this.engine = newEngine;
            return this;
        }

        /** What a training computes in; {@link Precision#FLOAT32} by default. */
        public Builder precision(Precision newPrecision) {
            this.precision = newPrecision;
            return this;
        }

        /**
         * Makes the network.
         *
         * @throws IllegalStateException if the engine, or every engine, cannot run here, saying what to add
         */
        public Nn4Model build() {
            List<TensorSpec> specs = variant.architecture().tensors(embeddingSize);
            Parameters initial = Parameters.initial(specs, seed);
            return new Nn4Model(
                    new ModelFile.Contents(
                            variant.architecture(), embeddingSize, initial, new OptimizerMemory(specs), Map.of()),
                    ModelPassport.EMPTY,
                    engine,
                    precision);
        }
    }
}
