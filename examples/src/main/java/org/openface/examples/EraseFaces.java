package org.openface.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.openface.triplet.training.Erasure;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Removes people from what was made of their photographs. */
@Command(
        name = "EraseFaces",
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        description = {
            "Lists what of some people is in folders of faces, packs, work folders, tables and embeddings, and which models",
            "have seen them; with --apply it is removed. Photographs and models are not touched."
        })
public final class EraseFaces implements Callable<Integer> {
    @Option(names = "--person", required = true, description = "A person's name; may be given more than once.")
    private List<String> people = List.of();

    @Option(names = "--faces", description = "A folder of aligned faces.")
    private List<Path> faces = List.of();

    @Option(names = "--pack", description = "A pack.")
    private List<Path> packs = List.of();

    @Option(names = "--work", description = "The work folder of a training.")
    private List<Path> works = List.of();

    @Option(names = "--tables", description = "A folder of review lists or other tables.")
    private List<Path> tables = List.of();

    @Option(names = "--embeddings", description = "A folder that EmbedFaces has written.")
    private List<Path> embeddings = List.of();

    @Option(names = "--models", description = "A folder of models to look at.")
    private List<Path> models = List.of();

    @Option(names = "--apply", description = "Remove what is listed.")
    private boolean apply;

    private final Progress progress;

    EraseFaces(Progress progress) {
        this.progress = progress;
    }

    /** Runs the program; see the README. */
    public static void main(String... arguments) {
        int code = Program.run(new EraseFaces(Progress.onConsole()), arguments);
        if (code != 0) {
            System.exit(code);
        }
    }

    @Override
    public Integer call() throws IOException {
        Erasure.Builder builder = Erasure.of(people);
        faces.forEach(builder::faces);
        packs.forEach(builder::pack);
        works.forEach(builder::work);
        tables.forEach(builder::tables);
        embeddings.forEach(builder::embeddings);
        models.forEach(builder::models);
        Erasure erasure = builder.plan();
        erasure.summary().lines().forEach(line -> progress.say("%s", line));
        if (apply) {
            erasure.apply();
        }
        progress.say(
                "%s: %d places, models that have seen them: %d",
                apply ? "removed" : "would be removed, with --apply",
                erasure.removals().size(),
                erasure.models().size());
        return 0;
    }
}
