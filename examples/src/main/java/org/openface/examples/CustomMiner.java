package org.openface.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.openface.align.Aligner;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.drawn.DrawnFaces;
import org.openface.nn4.Nn4Model;
import org.openface.triplet.mining.NegativeSelector;
import org.openface.triplet.mining.PairSelector;
import org.openface.triplet.mining.TripletFilter;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.training.Trainer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A mining strategy of one's own, composed of three parts and tried for a few batches on drawn faces. */
@Command(
        name = "CustomMiner",
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        description = "Trains for a few batches on drawn faces with a composed mining strategy.")
public final class CustomMiner implements Callable<Integer> {
    @Option(
            names = "--work",
            description = "Folder for the faces and the network; a finished one is not trained again.")
    private Path work = Path.of("work", "custom-miner");

    @Option(names = "--epochs", description = "Epochs in all.")
    private int epochs = 3;

    @Option(names = "--batches-per-epoch", description = "Batches in an epoch.")
    private int batchesPerEpoch = 5;

    private final Progress progress;

    CustomMiner(Progress progress) {
        this.progress = progress;
    }

    /** Runs the program; see the README. */
    public static void main(String... arguments) {
        int code = Program.run(new CustomMiner(Progress.onConsole()), arguments);
        if (code != 0) {
            System.exit(code);
        }
    }

    @Override
    public Integer call() throws IOException {
        TripletMiner miner = TripletMiner.of(
                PairSelector.allPairs(),
                // A "negative" as close as this may well be a photograph in the wrong folder: leave it out.
                TripletFilter.violating().and((positive, negative, margin) -> negative > 0.05f),
                NegativeSelector.hardest());

        TrainFaces.createForOwner(work);
        progress.say("drawing and aligning faces");
        DrawnFaces.of(2).writeTo(work.resolve("drawn"), 8, 5);
        try (Aligner aligner = Aligner.builder().build()) {
            progress.say(
                    "%s",
                    aligner.alignDirectory(work.resolve("drawn"), work.resolve("aligned"))
                            .summary());
        }
        try (Nn4Model model =
                Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).seed(2).build()) {
            Trainer.builder()
                    .model(model)
                    .trainingSet(FaceDataset.index(work.resolve("aligned")))
                    .miner(miner)
                    .identitiesPerBatch(6)
                    .imagesPerIdentity(5)
                    .batchesPerEpoch(batchesPerEpoch)
                    .epochs(epochs)
                    .workDirectory(work)
                    .onEpoch(epoch -> progress.say(
                            "epoch %d: %d triplets, loss %.4f, %.0f %% of pairs have a violating negative",
                            epoch.epoch(),
                            epoch.triplets(),
                            epoch.meanLoss(),
                            100 * epoch.pairsWithViolatingNegative()))
                    .fit();
            progress.say("weights: sha256 %s", model.weightsHash());
        }
        return 0;
    }
}
