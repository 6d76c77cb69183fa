package com.example;

import java.nio.file.Path;
import org.openface.align.Aligner;
import org.openface.core.dataset.DatasetSplitter;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.eval.Verification;
import org.openface.nn4.Nn4Model;
import org.openface.triplet.training.Trainer;

/** Trains on the photographs of a folder, {@code photographs/<person>/<image>}, and verifies on people held out. */
public final class Consumer {
    private Consumer() {}

    public static void main(String... arguments) throws Exception {
        Path photographs = Path.of(arguments[0]);
        Path work = Path.of(arguments[1]);
        int epochs = Integer.parseInt(arguments[2]);
        // README: train
        try (Aligner aligner = Aligner.builder().build()) {
            System.out.println(aligner.alignDirectory(photographs, work.resolve("aligned")).summary());
        }
        DatasetSplitter.Split people = DatasetSplitter.builder().validationFraction(0.25).minimumIdentities(2).build()
                .split(FaceDataset.index(work.resolve("aligned")));
        try (Nn4Model model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build()) {
            Trainer.builder()
                    .model(model).trainingSet(people.training()).workDirectory(work)
                    .identitiesPerBatch(4).imagesPerIdentity(8).batchesPerEpoch(25).epochs(epochs)
                    .onEpoch(e -> System.out.printf("epoch %d loss %.4f%n", e.epoch(), e.meanLoss()))
                    .fit();
            System.out.println("AUC " + Verification.pairs(people.validation()).evaluate(model).auc());
            model.save(work.resolve("model.nn4")); // with the threshold that the evaluation found
        }
        // README: end
    }
}
