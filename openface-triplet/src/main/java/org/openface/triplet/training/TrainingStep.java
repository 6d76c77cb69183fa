package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.core.embedding.TrainableEmbedder.StepReport;
import org.openface.core.internal.batch.BatchLoader;
import org.openface.triplet.internal.Description;
import org.openface.triplet.loss.Objective;
import org.openface.triplet.mining.Draws;
import org.openface.triplet.mining.Mined;
import org.openface.triplet.mining.MiningBatch;
import org.openface.triplet.mining.MiningStatistics;
import org.openface.triplet.mining.TripletMiner;

/** What is done with one batch: forward, mining, loss, backward and update; then what is counted and told of it. */
final class TrainingStep {
    private final TrainableEmbedder model;
    private final ExecutionPlan plan;
    private final Settings settings;
    private final RunState state;
    private final TrainingControl control;
    private final Events events;
    private final Stopwatch stopwatch;
    private final Supplier<String> lastCheckpoint;

    /** @param lastCheckpoint names the last good checkpoint, for messages */
    TrainingStep(
            TrainableEmbedder model,
            ExecutionPlan plan,
            Settings settings,
            RunState state,
            TrainingControl control,
            Events events,
            Stopwatch stopwatch,
            Supplier<String> lastCheckpoint) {
        this.model = model;
        this.plan = plan;
        this.settings = settings;
        this.state = state;
        this.control = control;
        this.events = events;
        this.stopwatch = stopwatch;
        this.lastCheckpoint = lastCheckpoint;
    }

    /** What the network has learnt from a batch. */
    private record Learnt(MiningBatch in, Mined mined, boolean learnt, double loss, double gradientNorm) {}

    /**
     * Trains with one batch.
     *
     * @param batch counted from 0
     * @return what looks wrong after it
     * @throws IllegalStateException if anything is NaN or infinite
     */
    List<Diagnosis> run(int epoch, int batch, BatchLoader batches) throws IOException {
        long start = System.nanoTime();
        long waitedBefore = batches.waitedNanos();
        BatchLoader.Loaded loaded = batches.loadReadable(
                epoch,
                batch,
                (face, reason) -> events.emit(new TrainingEvent.ImageSkipped(epoch, batch + 1, face, reason)));
        FaceBatch faces = loaded.batch();
        Optimizer optimizer = optimizer(epoch, batch);
        // The pass is closed before anyone hears of it: a listener may embed faces.
        Learnt learnt = learn(epoch, batch, faces, optimizer);
        stopwatch.step();
        Mined mined = learnt.mined();
        MiningStatistics statistics = mined.statistics();
        Vitals vitals = Vitals.of(learnt.in().embeddings(), statistics, learnt.learnt(), learnt.gradientNorm());
        state.memoryBank.add(learnt.in().embeddings(), faces.identities());
        state.centres.add(learnt.in().embeddings(), faces.identities());
        if (settings.reportFaces) {
            state.faceTally.observe(learnt.in(), loaded.faces());
        }
        Duration remaining =
                stopwatch.remaining((long) (settings.epochs - epoch + 1) * settings.batchesPerEpoch - batch - 1);
        if (!learnt.learnt()) {
            state.tally().empty(faces.size(), statistics, vitals);
        } else {
            state.tally().step(faces.size(), mined, learnt.loss(), optimizer.learningRate(), vitals);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        state.tally().time(seconds, (batches.waitedNanos() - waitedBefore) / 1e9);
        control.report(new TrainingControl.Position(
                epoch, settings.epochs, batch + 1, settings.batchesPerEpoch, learnt.loss(), remaining));
        events.emit(
                !learnt.learnt()
                        ? new TrainingEvent.EmptyBatch(
                                epoch, batch + 1, settings.batchesPerEpoch, statistics, remaining)
                        : new TrainingEvent.StepCompleted(
                                epoch,
                                batch + 1,
                                settings.batchesPerEpoch,
                                faces.size(),
                                mined.size(),
                                statistics,
                                learnt.loss(),
                                learnt.gradientNorm(),
                                faces.size() / seconds,
                                remaining));
        return state.doctor.examine(epoch, batch + 1, vitals);
    }

    private Learnt learn(int epoch, int batch, FaceBatch faces, Optimizer optimizer) {
        try (ForwardPass pass = model.forward(faces, plan)) {
            MiningBatch in = miningBatch(epoch, batch, faces, pass.embeddings());
            Mined chosen = state.treatments.miner().mine(in);
            checkState(
                    chosen != null,
                    "the miner %s returned null, not triplets or pairs",
                    Description.of(state.treatments.miner()));
            Mined mined = TripletMiner.counted(chosen);
            if (mined.isEmpty() && settings.loss.learnsFromMined()) {
                return new Learnt(in, mined, false, Double.NaN, Double.NaN);
            }
            Objective.Outcome outcome = state.objective.evaluate(mined);
            checkState(outcome != null, "the loss %s returned null", Description.of(settings.loss));
            double loss = outcome.value();
            EmbeddingBatch gradient = outcome.gradient();
            if (!Double.isFinite(loss) || gradient.firstNonFinite() >= 0) {
                throw notFinite(epoch, batch, "the loss (" + loss + ") or its gradient");
            }
            StepReport report = pass.update(gradient, optimizer);
            if (report.firstNonFinite().isPresent()) {
                throw notFinite(
                        epoch,
                        batch,
                        "the gradient or new value of "
                                + report.firstNonFinite().get());
            }
            state.objective.update(optimizer, 1);
            return new Learnt(in, mined, true, loss, report.gradientNorm());
        }
    }

    private MiningBatch miningBatch(int epoch, int batch, FaceBatch faces, EmbeddingBatch embeddings) {
        int image = embeddings.firstNonFinite();
        if (image >= 0) {
            throw notFinite(epoch, batch, "the embedding of image " + image + " of the batch");
        }
        MiningBatch in = MiningBatch.of(
                        embeddings,
                        faces.identities(),
                        faces.roles(),
                        settings.margin,
                        new Draws(settings.seed, epoch, batch))
                .measuredIn(settings.distance);
        long batchesBefore = (long) (epoch - settings.firstEpoch) * settings.batchesPerEpoch + batch;
        MemoryBank memory = state.memoryBank;
        return memory.size() > 0 && batchesBefore >= settings.memoryBankAfter
                ? in.withReferences(memory.embeddings(), memory.identities())
                : in;
    }

    private Optimizer optimizer(int epoch, int batch) {
        double done = epoch - 1 + (double) batch / settings.batchesPerEpoch;
        double begin = settings.keepOptimizerMemory ? 0 : settings.firstEpoch - 1;
        double factor = settings.schedule.over(settings.epochs).factor(done, begin);
        checkArgument(
                factor >= 0 && Double.isFinite(factor),
                "the learning-rate schedule (%s) gives the factor %s after %s epochs; it must be finite and not negative",
                Description.of(settings.schedule),
                factor,
                done);
        Optimizer rule = settings.optimizer;
        return rule.withLearningRate(rule.learningRate() * factor * state.treatments.rateFactor());
    }

    private IllegalStateException notFinite(int epoch, int batch, String what) {
        return new IllegalStateException("training stopped in epoch " + epoch + ", batch " + (batch + 1) + ": " + what
                + " is NaN or infinite; last good checkpoint: " + lastCheckpoint.get()
                + "; a lower learning rate may help");
    }
}
