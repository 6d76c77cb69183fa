package org.openface.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.FacePack;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Aligned faces in a few large files, for training at the speed of the disk. */
@Command(
        name = "PackFaces",
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        description = {
            "Packs a folder of aligned faces into a few files, or brings a pack up to date with its folder.",
            "TrainFaces --data PACK --aligned trains on it and gives the same bits as with the folder."
        })
public final class PackFaces implements Callable<Integer> {
    @Option(names = "--data", required = true, description = "A folder with a folder of aligned faces per person.")
    private Path data = Path.of("");

    @Option(names = "--out", required = true, description = "Folder for the pack.")
    private Path out = Path.of("");

    @Option(names = "--files", description = "Pack the files as they are instead of their pixels: smaller and slower.")
    private boolean files;

    @Option(names = "--verify", description = "Read all of the pack afterwards.")
    private boolean verify;

    private final Progress progress;

    PackFaces(Progress progress) {
        this.progress = progress;
    }

    /** Runs the program; see the README. */
    public static void main(String... arguments) {
        int code = Program.run(new PackFaces(Progress.onConsole()), arguments);
        if (code != 0) {
            System.exit(code);
        }
    }

    @Override
    public Integer call() throws IOException {
        long start = System.nanoTime();
        FaceDataset faces = FaceDataset.index(data);
        FacePack.Result result = FacePack.of(faces)
                .encoding(files ? FacePack.Encoding.FILES : FacePack.Encoding.PIXELS)
                .onProgress(done -> show(done, faces.size(), start))
                .writeTo(out);
        result.unreadable().stream().limit(10).forEach(one -> progress.say("left out: %s", one));
        if (verify) {
            List<String> wrong = FacePack.verify(out);
            wrong.stream().limit(10).forEach(one -> progress.say("%s", one));
            progress.say(
                    "verified: %d of %d damaged", wrong.size(), result.dataset().size());
        }
        progress.say(
                "packed: %d of %d, images/s %.1f",
                result.dataset().size(), faces.size(), faces.size() / ((System.nanoTime() - start) / 1e9));
        return 0;
    }

    private void show(long done, long all, long start) {
        double seconds = (System.nanoTime() - start) / 1e9;
        progress.show("packing", done, all, done / seconds, Duration.ofSeconds((long) (seconds * (all - done) / done)));
    }
}
