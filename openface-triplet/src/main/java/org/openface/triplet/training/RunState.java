package org.openface.triplet.training;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openface.core.dataset.FaceDataset;
import org.openface.triplet.internal.checkpoint.Checkpoint;
import org.openface.triplet.loss.Objective;

/** What a run remembers from batch to batch and through checkpoints, beside the network. */
final class RunState {
    private final boolean reportFaces;
    private final FaceDataset faces;

    final ConvergenceDoctor doctor;
    final Treatments treatments;
    final MemoryBank memoryBank;
    final FaceTally faceTally = new FaceTally();
    final RunningCentres centres;
    final LeftOut leftOut;
    /** What is minimised, with the parameters of its own. */
    final Objective.Run objective;

    final List<Diagnosis> diagnoses = new ArrayList<>();
    private EpochTally tally = new EpochTally();
    private History history = new History();

    /** @param needsCentres whether the sampler asks where identities lie */
    RunState(Settings settings, FaceDataset faces, int dimension, boolean needsCentres, LeftOut leftOut) {
        reportFaces = settings.reportFaces;
        this.faces = faces;
        this.leftOut = leftOut;
        doctor = new ConvergenceDoctor(settings.margin, settings.distance);
        treatments = new Treatments(settings.treatments, settings.miner);
        memoryBank = new MemoryBank(settings.memoryBank, dimension);
        centres = new RunningCentres(needsCentres ? faces.identities().size() : 0, dimension);
        objective = settings.loss.begin(new Objective.Scope(faces.identities().size(), dimension, settings.seed));
    }

    /** The epoch under way. */
    EpochTally tally() {
        return tally;
    }

    History history() {
        return history;
    }

    /** Prepares for an epoch that begins or is gone on with. */
    void begin(int epoch) {
        if (tally.batches() == 0) {
            faceTally.nextEpoch();
            centres.beginEpoch();
            if (!treatments.miner().inEpoch(epoch).equals(treatments.miner().inEpoch(epoch - 1))) {
                doctor.forget();
            }
        }
    }

    /** Ends the epoch under way. */
    void end(int epoch, int identities) {
        history.add(tally.metrics(epoch, identities));
        tally = new EpochTally();
    }

    /** In words, for a checkpoint; names nobody. */
    Map<String, String> words() {
        Map<String, String> words = new LinkedHashMap<>();
        if (tally.batches() > 0) {
            words.put("tally", tally.format());
        }
        words.putAll(treatments.state());
        words.putAll(leftOut.state(faces));
        for (int i = 0; i < diagnoses.size(); i++) {
            words.put("diagnosis." + i, TrainingLogs.format(diagnoses.get(i)));
        }
        doctor.state().forEach((name, value) -> words.put("doctor." + name, value));
        return words;
    }

    /** Goes on with what a checkpoint holds in words. */
    void restore(Checkpoint checkpoint) {
        history = History.of(checkpoint.history());
        Map<String, String> words = checkpoint.state();
        if (checkpoint.place().batch() > 0) {
            tally = EpochTally.parse(words.getOrDefault("tally", ""));
        }
        doctor.restore(below(words, "doctor."));
        for (int i = 0; words.containsKey("diagnosis." + i); i++) {
            ConvergenceDoctor.remember(
                    diagnoses, TrainingLogs.parseDiagnosis(words.getOrDefault("diagnosis." + i, "")));
        }
        treatments.restore(words, diagnoses);
        leftOut.restore(words, faces);
    }

    private static Map<String, String> below(Map<String, String> all, String prefix) {
        Map<String, String> out = new LinkedHashMap<>();
        all.forEach((name, value) -> {
            if (name.startsWith(prefix)) {
                out.put(name.substring(prefix.length()), value);
            }
        });
        return out;
    }

    /** What is remembered of faces, for a file of its own. */
    void writeMemory(OutputStream out) throws IOException {
        DataOutputStream data = new DataOutputStream(new BufferedOutputStream(out));
        memoryBank.write(data);
        data.writeBoolean(reportFaces);
        if (reportFaces) {
            faceTally.write(data, faces);
        }
        objective.write(data);
        centres.write(data);
        data.flush();
    }

    void readMemory(InputStream in) throws IOException {
        DataInputStream data = new DataInputStream(in);
        memoryBank.read(data);
        if (data.readBoolean()) {
            faceTally.read(data, faces);
        }
        objective.read(data);
        centres.read(data);
    }
}
