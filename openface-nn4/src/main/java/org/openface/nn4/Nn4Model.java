package org.openface.nn4;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.Iterators;
import com.google.common.collect.Streams;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
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
import org.openface.core.embedding.TrainableEmbedder.StepReport;
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
import org.openface.nn4.internal.network.Architecture.Convolution;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.training.Chunks;
import org.openface.nn4.internal.training.UpdateRule;

/**
 * One of OpenFace's nn4 networks: turns aligned faces into embeddings of unit length, and learns.
 *
 * <p>The network is defined in SameDiff and run by an {@link Engine}. It holds native memory until it is closed. Methods may be called from any thread; they run one at a time, and {@link #embed} waits while a training step
 * is under way. Inside a forward pass neither its thread nor one that it waits for can use the network otherwise.
 *
 * <p>Source: OpenFace's {@code models/openface/*.def.lua}; Schroff, Kalenichenko and Philbin, <i>FaceNet</i>, 2015.
 */
public final class Nn4Model implements TrainableEmbedder {
    /** Torch's momentum for running statistics: {@code running ← 0.9 · running + 0.1 · batch}. */
    private static final float RUNNING_MOMENTUM = 0.1f;
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

        public Architecture architecture() {
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

    private final Variant variant;
    private final int embeddingSize;
    private final Parameters parameters;
    private final Executor executor;
    private UpdateRule updateRule;
    private volatile ModelPassport passport;

    /** Held by whoever uses the executor or changes something; by a forward pass until it is closed. */
    private final PassLock lock = new PassLock();

    private volatile boolean closed;

    /** The version of the weights for which the passport's threshold is known to hold. */
    private int thresholdVersion;
    /** The fingerprint last computed, and the version of the weights that it is of. */
    private String fingerprint = "";

    private int fingerprintVersion;

    /** What calls embed with that take longer than one hold of the lock. */
    private @Nullable Parameters snapshot;

    private Nn4Model(ModelFile.Contents contents, ModelPassport passport, Engine engine) {
        this.variant = Variant.of(contents.network());
        this.embeddingSize = contents.embeddingSize();
        this.parameters = contents.parameters();
        this.updateRule = contents.memory();
        this.passport = bound(passport);
        executor = Engines.create(engine, variant.architecture(), embeddingSize);
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
        Engines.prepare(engine);
        ModelFile.Contents contents = ModelFormats.read(file);
        try {
            return new Nn4Model(contents, ModelPassport.read(contents.passport()), engine);
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
        ModelFile.Contents contents;
        acquire();
        try {
            contents = new ModelFile.Contents(
                    variant.architecture(),
                    embeddingSize,
                    snapshot(),
                    new UpdateRule(parameters.specs()),
                    passport.toFields());
        } finally {
            release();
        }
        AtomicFile.write(file.toAbsolutePath(), out -> writer.write(out, contents));
    }

    /**
     * What the model's file says about it besides the weights. Its threshold is one for the present weights: as soon as a
     * step, new statistics or another state change what the network embeds with, there is none.
     */
    public ModelPassport passport() {
        return passport;
    }

    /**
     * Replaces the passport, for the next {@link #save}. A threshold of no known weights is taken as one for the present
     * ones; one that was measured with others is left out.
     *
     * @throws IllegalArgumentException if its {@link ModelPassport#preprocessing} is not what this library does
     */
    public void setPassport(ModelPassport newPassport) {
        newPassport.requirePreprocessing();
        acquire();
        try {
            passport = bound(newPassport);
        } finally {
            release();
        }
    }

    @Override
    public void describe(TrainingRecord record) {
        acquire();
        try {
            passport = bound(passport.after(record));
        } finally {
            release();
        }
    }

    /** Over the weights that the network embeds with and their running statistics. */
    @Override
    public Optional<String> fingerprint() {
        acquire();
        try {
            return Optional.of(presentFingerprint());
        } finally {
            release();
        }
    }

    /** Writes the threshold into the passport, if that has none and the present weights are those that were evaluated. */
    @Override
    public void calibrate(Calibration calibration) {
        acquire();
        try {
            if (passport.threshold().isEmpty() && presentFingerprint().equals(calibration.fingerprint())) {
                passport = bound(passport.withThreshold(calibration.threshold(), calibration.halfWidth()));
            }
        } finally {
            release();
        }
    }

    /** From the {@link #passport}. */
    @Override
    public Optional<AlignmentProfile> alignmentProfile() {
        return passport.alignment();
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
        return parameters.trainedCount();
    }

    /**
     * As {@link FaceEmbedder#embed(List)}, all with the same weights, also while a training goes on. Where {@link
     * Optimizer#averaged} keeps an average of the weights, it is the average that embeds.
     */
    @Override
    public EmbeddingBatch embed(List<RgbImage> faces) {
        return embed(faces, null);
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
        OptionalDouble threshold = passport.threshold();
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
        acquire();
        try {
            parameters.set(updateRule
                    .average()
                    .orElseThrow(() -> new IllegalStateException(
                            "no average of the weights is kept; train with Optimizer.averaged(decay)")));
        } finally {
            release();
        }
    }

    @Override
    public void forgetOptimizer() {
        acquire();
        try {
            updateRule = new UpdateRule(parameters.specs());
        } finally {
            release();
        }
    }

    /** @param weights a snapshot to embed with; the present weights if null */
    private EmbeddingBatch embed(List<RgbImage> faces, @Nullable Parameters weights) {
        checkArgument(!faces.isEmpty(), "no faces to embed");
        checkArgument(
                (long) faces.size() * embeddingSize < Integer.MAX_VALUE - 8,
                "%s embeddings of %s values are more than an array holds; embed a stream of faces",
                faces.size(),
                embeddingSize);
        Parameters used = weights;
        float[] all = new float[faces.size() * embeddingSize];
        for (int from = 0; from < faces.size(); from += Executor.INFERENCE_BATCH) {
            List<RgbImage> some = faces.subList(from, Math.min(faces.size(), from + Executor.INFERENCE_BATCH));
            float[] pixels = pixels(some);
            acquire();
            try {
                if (used == null) {
                    used = some.size() == faces.size() ? present() : snapshot();
                }
                float[] values = executor.embed(used, pixels, some.size());
                System.arraycopy(values, 0, all, from * embeddingSize, values.length);
            } finally {
                release();
            }
        }
        return new EmbeddingBatch(embeddingSize, all);
    }

    /**
     * Embeds a stream of faces of any length with the weights of this moment: read and computed {@value #Executor.INFERENCE_BATCH}
     * at a time, as the result is drawn from.
     */
    public Stream<Embedding> embed(Stream<RgbImage> faces) {
        Parameters weights;
        acquire();
        try {
            weights = snapshot();
        } finally {
            release();
        }
        return Streams.stream(Iterators.partition(faces.iterator(), Executor.INFERENCE_BATCH))
                .flatMap(some -> {
                    EmbeddingBatch embeddings = embed(some, weights);
                    return IntStream.range(0, embeddings.size()).mapToObj(embeddings::get);
                })
                .onClose(faces::close);
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
    public void estimateBatchStatistics(List<RgbImage> faces, int batchSize, long memoryBudget) {
        checkArgument(batchSize >= 2, "batchSize (%s) must be at least 2", batchSize);
        checkArgument(faces.size() >= 2, "%s faces have no statistics; give at least 2", faces.size());
        acquire();
        try {
            Parameters weights = present();
            Parameters sums = Parameters.zeros(weights.specs());
            int size = Chunks.plan(executor, Math.min(batchSize, faces.size()), memoryBudget)
                    .chunkSize();
            int batches = faces.size() / size; // a smaller rest is left out
            for (int b = 0; b < batches; b++) {
                List<RgbImage> some = faces.subList(b * size, (b + 1) * size);
                Map<String, Executor.Statistics> statistics =
                        executor.batchStatistics(weights, pixels(some), some.size());
                blend(sums, statistics, some.size(), 1, 1f / batches);
            }
            Optional<String> notFinite = firstNonFiniteStatistic(sums);
            checkState(
                    notFinite.isEmpty(),
                    "%s over these faces has values that are NaN or infinite; the statistics stay as they were",
                    notFinite.orElse(""));
            setStatistics(weights, sums);
            weights.changed();
        } finally {
            release();
        }
    }

    @Override
    public ExecutionPlan plan(int batchSize, long memoryBudget) {
        acquire();
        try {
            return Chunks.plan(executor, batchSize, memoryBudget);
        } finally {
            release();
        }
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
        acquire();
        try {
            Step step = new Step(batch, plan.chunkSize());
            lock.openPass();
            return step;
        } catch (Throwable e) {
            release();
            throw e;
        }
    }

    /**
     * A step between its forward and its backward pass; holds {@link #lock} until closed.
     *
     * <p>A batch larger than a chunk is done as GradCache does (Gao and Callan, <i>Scaling Deep Contrastive Learning Batch
     * Size under Memory Limited Setup</i>, 2021): all chunks run forward, one after the other in the same memory, for the
     * embeddings; when the gradient of all embeddings is there, each chunk runs forward again and backward with its share,
     * and the parameter gradients add up. The last chunk's activations are still there and are used first. The result is
     * the gradient of the whole batch, except that batch-norm normalises each chunk by itself; for that to resemble the
     * batch, images are dealt to chunks at random. Each image counts once in the running statistics.
     */
    private final class Step implements ForwardPass {
        private final float[] pixels;
        private final int images;
        /** Which image of the batch stands at each place of the chunks. */
        private final int[] order;
        /** Chunk c holds the places from start[c] to start[c + 1]. */
        private final int[] start;

        private final float[] embeddings;
        private Executor.@Nullable Pass open;
        private boolean updated;
        private boolean done;

        Step(FaceBatch batch, int chunkSize) {
            pixels = batch.pixels();
            images = batch.size();
            Chunks chunks = Chunks.of(images, chunkSize);
            order = chunks.order();
            start = chunks.start();
            embeddings = new float[images * embeddingSize];
            for (int c = 0; c < start.length - 1; c++) {
                if (open != null) {
                    open.drop();
                }
                open = forward(c);
                float[] values = open.embeddings();
                for (int i = start[c]; i < start[c + 1]; i++) {
                    System.arraycopy(
                            values,
                            (i - start[c]) * embeddingSize,
                            embeddings,
                            order[i] * embeddingSize,
                            embeddingSize);
                }
            }
        }

        private Executor.Pass forward(int chunk) {
            int perImage = pixels.length / images;
            int size = start[chunk + 1] - start[chunk];
            if (size == images) {
                return executor.forward(parameters, pixels, images);
            }
            float[] some = new float[size * perImage];
            for (int i = 0; i < size; i++) {
                System.arraycopy(pixels, order[start[chunk] + i] * perImage, some, i * perImage, perImage);
            }
            return executor.forward(parameters, some, size);
        }

        @Override
        public EmbeddingBatch embeddings() {
            checkState(!done, "this forward pass is closed");
            return new EmbeddingBatch(embeddingSize, embeddings.clone());
        }

        @Override
        public StepReport update(EmbeddingBatch gradient, Optimizer optimizer) {
            checkState(!done, "this forward pass is closed");
            checkState(!updated, "this forward pass was already used for an update");
            checkArgument(
                    gradient.size() == images && gradient.dimension() == embeddingSize,
                    "the gradient is %s x %s, the embeddings are %s x %s",
                    gradient.size(),
                    gradient.dimension(),
                    images,
                    embeddingSize);
            updated = true;
            lock.setComputing(true);
            try {
                return step(gradient, optimizer);
            } finally {
                lock.setComputing(false);
            }
        }

        private StepReport step(EmbeddingBatch gradient, Optimizer optimizer) {
            Map<String, float[]> gradients = new HashMap<>();
            Parameters statistics = Parameters.zeros(parameters.specs());
            for (int c = start.length - 2; c >= 0; c--) {
                Executor.Pass pass = open != null ? open : forward(c);
                open = null;
                Executor.Result result = pass.backward(share(gradient.values(), c));
                if (c == 0 && gradients.isEmpty()) {
                    gradients.putAll(result.gradients()); // one chunk: no need to add up
                } else {
                    result.gradients()
                            .forEach((name, values) ->
                                    addInPlace(gradients.computeIfAbsent(name, x -> new float[values.length]), values));
                }
                int size = start[c + 1] - start[c];
                blend(statistics, result.statistics(), size, 1, (float) size / images);
            }
            for (TensorSpec spec : parameters.specs()) {
                if (!spec.trained()) {
                    float[] running = parameters.get(spec.name());
                    float[] batch = statistics.get(spec.name());
                    for (int i = 0; i < running.length; i++) {
                        batch[i] = (1 - RUNNING_MOMENTUM) * running[i] + RUNNING_MOMENTUM * batch[i];
                    }
                }
            }
            Optional<String> notFinite = firstNonFiniteStatistic(statistics);
            double squares = 0;
            for (TensorSpec spec : parameters.specs()) {
                if (spec.trained() && notFinite.isEmpty()) {
                    double own = sumOfSquares(gradients.get(spec.name()));
                    if (!Double.isFinite(own)) {
                        notFinite = Optional.of(spec.name());
                    }
                    squares += own;
                }
            }
            if (notFinite.isEmpty()) {
                notFinite = updateRule.apply(optimizer, parameters, gradients);
            }
            if (notFinite.isPresent()) {
                return new StepReport(Double.NaN, notFinite);
            }
            setStatistics(parameters, statistics);
            updateRule.average(optimizer, parameters);
            return new StepReport(Math.sqrt(squares), Optional.empty());
        }

        /** The gradient's rows for one chunk, in the chunk's order. */
        private float[] share(float[] gradient, int chunk) {
            float[] rows = new float[(start[chunk + 1] - start[chunk]) * embeddingSize];
            for (int i = start[chunk]; i < start[chunk + 1]; i++) {
                System.arraycopy(
                        gradient, order[i] * embeddingSize, rows, (i - start[chunk]) * embeddingSize, embeddingSize);
            }
            return rows;
        }

        @Override
        public void close() {
            if (!done) {
                done = true;
                try {
                    if (open != null) {
                        open.drop();
                    }
                } finally {
                    lock.closePass();
                    release();
                }
            }
        }
    }

    /** Statistics come first of all that is not finite: the first layer whose activations overflow has them so. */
    private Optional<String> firstNonFiniteStatistic(Parameters statistics) {
        return parameters.specs().stream()
                .filter(spec -> !spec.trained() && !UpdateRule.isFinite(statistics.get(spec.name())))
                .map(TensorSpec::name)
                .findFirst();
    }

    private static void setStatistics(Parameters target, Parameters statistics) {
        for (TensorSpec spec : target.specs()) {
            if (!spec.trained()) {
                System.arraycopy(statistics.get(spec.name()), 0, target.get(spec.name()), 0, spec.length());
            }
        }
    }

    private static void addInPlace(float[] sum, float[] more) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += more[i];
        }
    }

    private static double sumOfSquares(float @Nullable [] values) {
        if (values == null) {
            return 0;
        }
        double[] sums = new double[4]; // four chains, so that additions overlap
        int i = 0;
        for (; i + 4 <= values.length; i += 4) {
            sums[0] += (double) values[i] * values[i];
            sums[1] += (double) values[i + 1] * values[i + 1];
            sums[2] += (double) values[i + 2] * values[i + 2];
            sums[3] += (double) values[i + 3] * values[i + 3];
        }
        for (; i < values.length; i++) {
            sums[0] += (double) values[i] * values[i];
        }
        return sums[0] + sums[1] + sums[2] + sums[3];
    }

    /** target ← keep · target + take · statistics, with the unbiased variance as Torch has it. */
    private void blend(
            Parameters target, Map<String, Executor.Statistics> statistics, int images, float keep, float take) {
        for (Convolution layer : variant.architecture().convolutions()) {
            Executor.Statistics batch = statistics.get(layer.name());
            if (batch == null) {
                throw new IllegalStateException("no batch statistics for " + layer.name());
            }
            double count = (double) images * layer.side() * layer.side();
            float unbiased = (float) (count / Math.max(1, count - 1));
            float[] mean = target.get(layer.name() + ".bn.running_mean");
            float[] variance = target.get(layer.name() + ".bn.running_var");
            for (int c = 0; c < mean.length; c++) {
                mean[c] = keep * mean[c] + take * batch.mean()[c];
                variance[c] = keep * variance[c] + take * unbiased * batch.variance()[c];
            }
        }
        target.changed();
    }

    @Override
    public void writeState(OutputStream out) throws IOException {
        acquire();
        try {
            ModelFile.write(
                    out,
                    new ModelFile.Contents(
                            variant.architecture(), embeddingSize, parameters, updateRule, passport.toFields()));
        } finally {
            release();
        }
    }

    @Override
    public void readState(InputStream in) throws IOException {
        ModelFile.Contents contents = ModelFile.readState(in, variant.architecture(), embeddingSize);
        ModelPassport stored = ModelPassport.read(contents.passport());
        acquire();
        try {
            parameters.set(contents.parameters());
            updateRule = contents.memory();
            passport = bound(stored);
        } finally {
            release();
        }
    }

    @Override
    public String weightsHash() {
        acquire();
        try {
            return parameters.hash();
        } finally {
            release();
        }
    }

    /**
     * The network's definition with the weights it embeds with: a SameDiff graph of its own, in training mode (batch-norm with
     * the batch's statistics), from the placeholder {@code input} to {@code embedding}. Changing it changes nothing here.
     *
     * @throws IllegalStateException if there is not one ND4J backend on the class path, whatever runs this network
     */
    public SameDiff toSameDiff() {
        Engines.requireNd4j();
        acquire();
        try {
            Nn4Graph graph = new Nn4Graph(variant.architecture(), embeddingSize, true);
            graph.load(present());
            return graph.sameDiff();
        } finally {
            release();
        }
    }

    /**
     * Waits for a step under way, then releases all native memory. Closing twice does nothing.
     *
     * @throws IllegalStateException if a forward pass is open, and its thread is this one or does not go on
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        lock.acquire();
        try {
            if (!closed) {
                closed = true;
                executor.close();
            }
        } finally {
            lock.release();
        }
    }

    private void acquire() {
        checkOpen();
        lock.acquire();
        if (closed) {
            lock.release();
            checkOpen();
        }
    }

    private void checkOpen() {
        checkState(!closed, "this model is closed");
    }

    /** Ends what {@link #acquire} began. Whatever was done meanwhile: a threshold of other weights goes. */
    private void release() {
        try {
            if (passport.threshold().isPresent() && present().version() != thresholdVersion) {
                passport = bound(passport);
            }
        } finally {
            lock.release();
        }
    }

    /** What the network embeds with and is saved with: the average of its weights where one is kept. */
    private Parameters present() {
        return updateRule.average().orElse(parameters);
    }

    private String presentFingerprint() {
        Parameters present = present();
        if (present.version() != fingerprintVersion) {
            fingerprint = present.fingerprint();
            fingerprintVersion = present.version();
        }
        return fingerprint;
    }

    /** A passport for the present weights. */
    private ModelPassport bound(ModelPassport newPassport) {
        if (newPassport.threshold().isEmpty()) {
            return newPassport;
        }
        thresholdVersion = present().version();
        return newPassport.of(presentFingerprint());
    }

    /** The present weights as they are now, for as long as the caller wants. */
    private Parameters snapshot() {
        Parameters present = present();
        if (snapshot == null || snapshot.version() != present.version()) {
            snapshot = present.snapshot();
        }
        return snapshot;
    }

    private float[] pixels(List<RgbImage> faces) {
        int side = imageSize();
        int perImage = 3 * side * side;
        float[] pixels = new float[faces.size() * perImage];
        for (int i = 0; i < faces.size(); i++) {
            RgbImage face = faces.get(i);
            checkArgument(
                    face.width() == side && face.height() == side,
                    "%s takes aligned faces of %s x %s pixels, got %s x %s; align the photograph first",
                    variant,
                    side,
                    side,
                    face.width(),
                    face.height());
            face.copyTo(pixels, i * perImage);
        }
        return pixels;
    }

    /** How long to wait for a pass whose thread waits, too; for tests. */
    void setPatience(Duration longest) {
        lock.setPatience(longest);
    }

    /** Multiplies every weight by 1 + factor; for tests of how rounding spreads. */
    void nudge(float factor) {
        for (TensorSpec spec : parameters.specs()) {
            float[] values = parameters.get(spec.name());
            for (int i = 0; i < values.length; i++) {
                values[i] *= 1 + factor;
            }
        }
        parameters.changed();
    }

    /** Multiplies a parameter; for tests of what is too large. */
    void scale(String name, float factor) {
        float[] values = parameters.get(name);
        for (int i = 0; i < values.length; i++) {
            values[i] *= factor;
        }
        parameters.changed();
    }

    /** The parameter values by name; for tests. */
    float[] parameter(String name) {
        return Arrays.copyOf(parameters.get(name), parameters.get(name).length);
    }

    /** Settings of a new network: embeddings of 128 values, seed 2 (OpenFace's defaults). */
    public static final class Builder {
        private final Variant variant;
        private int embeddingSize = 128;
        private long seed = 2;
        private Engine engine = Engine.AUTO;

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
                            variant.architecture(), embeddingSize, initial, new UpdateRule(specs), Map.of()),
                    ModelPassport.EMPTY,
                    engine);
        }
    }
}
