package org.openface.triplet.training;

import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.ExecutionPlan;
import org.openface.core.embedding.TrainingRecord;

/** Where a network and its checkpoints come from: counts, hashes and versions, and no names. */
final class Provenance {
    private final TrainingSet trainingSet;
    private final Map<String, String> configuration;
    private final int batchesPerEpoch;
    private final ExecutionPlan plan;

    Provenance(TrainingSet trainingSet, Map<String, String> configuration, int batchesPerEpoch, ExecutionPlan plan) {
        this.trainingSet = trainingSet;
        this.configuration = configuration;
        this.batchesPerEpoch = batchesPerEpoch;
        this.plan = plan;
    }

    /** What made a checkpoint. */
    Map<String, String> words() {
        String version = Provenance.class.getPackage().getImplementationVersion();
        Map<String, String> words = new LinkedHashMap<>();
        words.put("library", version == null ? "development" : version);
        words.put("java", System.getProperty("java.vm.name") + " " + System.getProperty("java.runtime.version"));
        words.put("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        words.put("threads", Integer.toString(plan.threads()));
        return words;
    }

    /**
     * What the network's file shall say of its training.
     *
     * @param figures those of the present weights; may be empty
     * @param thresholdFrom the evaluation among them whose threshold is meant; empty for none
     */
    TrainingRecord record(int epochs, Map<String, Double> figures, String thresholdFrom) {
        FaceDataset faces = trainingSet.faces();
        TreeMap<String, Long> counts = new TreeMap<>();
        counts.put("identities", (long) faces.identities().size());
        counts.put("images", (long) faces.size());
        counts.put("epochs", (long) epochs);
        counts.put("batchesPerEpoch", (long) batchesPerEpoch);
        TreeMap<String, String> hashes = new TreeMap<>();
        hashes.put("trainingSet", trainingSet.fingerprint());
        hashes.put(
                "configuration",
                Hashing.sha256()
                        .hashString(configuration.toString(), StandardCharsets.UTF_8)
                        .toString());
        return new TrainingRecord(
                faces.alignmentProfile(),
                figure(figures, thresholdFrom + ".threshold"),
                figure(figures, thresholdFrom + ".thresholdConfidence"),
                counts,
                hashes);
    }

    private static OptionalDouble figure(Map<String, Double> figures, String name) {
        Double value = figures.get(name);
        return value == null || !Double.isFinite(value) || value < 0 // an evaluation may say anything
                ? OptionalDouble.empty()
                : OptionalDouble.of(value);
    }
}
