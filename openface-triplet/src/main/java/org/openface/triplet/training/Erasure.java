package org.openface.triplet.training;

import static com.google.common.base.Preconditions.checkArgument;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.Ints;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.openface.core.dataset.DatasetListing;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.FaceManifest;
import org.openface.core.dataset.FacePack;
import org.openface.core.internal.AtomicFile;
import org.openface.triplet.internal.checkpoint.WorkLock;
import org.openface.triplet.report.TrainingReport;

/**
 * Removes people from what was made of their photographs: aligned faces, rows of tables, packs, embeddings, review lists, and
 * what trainings remember of faces; and says which models have seen them. Photographs are not touched, nor is a model: what it
 * has learnt cannot be taken out of it.
 *
 * <pre>{@code
 * Erasure erasure = Erasure.of("Ann", "Bob").faces(aligned).manifest(aligned, manifest).pack(pack).work(run).plan();
 * System.out.println(erasure.summary()); // what would be removed; nothing is yet
 * erasure.apply();
 * }</pre>
 *
 * <p>A run whose faces are erased cannot be gone on with from where it was, as its batches would be others: its checkpoints go,
 * and their models stay, from which a new run can start.
 */
public final class Erasure {
    private static final Pattern TABLE = Pattern.compile("(?i)[^.].*\\.(csv|tsv)");
    private static final Pattern REMEMBERED = Pattern.compile("memory-.*\\.bin|checkpoint-.*\\.properties");
    private static final int MOST_HEAD = 64 << 20;
    private static final int PIECE = 1 << 20;

    private final Set<String> people;
    private final List<Step> steps;
    private final List<Path> models;
    private final List<Path> runs;

    private Erasure(Set<String> people, List<Step> steps, List<Path> models, List<Path> runs) {
        this.people = people;
        this.steps = List.copyOf(steps);
        this.models = List.copyOf(models);
        this.runs = List.copyOf(runs);
    }

    /** An erasure of people by their names, to be told where to look. */
    public static Builder of(String... people) {
        return new Builder(ImmutableSet.copyOf(people));
    }

    /** The same. */
    public static Builder of(Collection<String> people) {
        return new Builder(ImmutableSet.copyOf(people));
    }

    /**
     * Something that is removed.
     *
     * @param place the file or folder
     * @param what of it, for people
     */
    public record Removal(Path place, String what) {
        @Override
        public String toString() {
            return place + ": " + what;
        }
    }

    private record Step(Removal removal, Action action) {}

    @FunctionalInterface
    private interface Action {
        void run() throws IOException;
    }

    /** What would be removed, in order; or was, after {@link #apply}. */
    public List<Removal> removals() {
        return steps.stream().map(Step::removal).toList();
    }

    /** Models that were trained on these people, by the training set that their passports name; they stay as they are. */
    public List<Path> models() {
        return models;
    }

    /** For people, a line for each. */
    public String summary() {
        List<String> lines = new ArrayList<>();
        steps.forEach(step -> lines.add("remove " + step.removal()));
        models.forEach(model -> lines.add("has seen them, and stays: " + model));
        return lines.isEmpty() ? "nothing of these people is there" : String.join("\n", lines);
    }

    /**
     * Removes it. What was removed already is passed over, so that a killed erasure is done again.
     *
     * @throws IOException if something cannot be removed, naming it; or if a work folder is in use by a training
     */
    public void apply() throws IOException {
        List<WorkLock> locks = new ArrayList<>();
        try {
            for (Path run : runs) {
                locks.add(WorkLock.take(run));
            }
            for (Step step : steps) {
                try {
                    step.action().run();
                } catch (IOException e) {
                    throw new IOException("cannot remove " + step.removal() + " (" + e.getMessage() + ")", e);
                }
            }
        } finally {
            for (WorkLock lock : locks) {
                lock.close();
            }
        }
    }

    @Override
    public String toString() {
        return "Erasure of " + people.size() + " people: " + steps.size() + " removals, " + models.size() + " models";
    }

    /** Told where to look. Each place may be given more than once, for several of a kind. */
    public static final class Builder {
        private final Set<String> people;
        private final List<Path> faces = new ArrayList<>();
        private final Map<Path, Path> manifests = new LinkedHashMap<>();
        private final List<Path> packs = new ArrayList<>();
        private final List<Path> works = new ArrayList<>();
        private final List<Path> tables = new ArrayList<>();
        private final List<Path> embeddings = new ArrayList<>();
        private final List<Path> models = new ArrayList<>();

        private Builder(Set<String> people) {
            checkArgument(!people.isEmpty(), "nobody to erase");
            this.people = people;
        }

        /** A folder of aligned faces, or a part of a split: its images of these people, and rows of tables in it. */
        public Builder faces(Path folder) {
            faces.add(folder);
            return this;
        }

        /** The manifest of such a folder. */
        public Builder manifest(Path folder, Path manifest) {
            manifests.put(manifest, folder);
            return this;
        }

        /** A {@linkplain FacePack pack}. */
        public Builder pack(Path folder) {
            packs.add(folder);
            return this;
        }

        /** The work folder of a training: what it remembers of faces, its lists, manifest and report, and its models. */
        public Builder work(Path folder) {
            works.add(folder);
            return this;
        }

        /** A folder of review lists, or of other tables with names of people or paths of their images. */
        public Builder tables(Path folder) {
            tables.add(folder);
            return this;
        }

        /** A folder of embeddings that {@code DatasetEmbedder} has written; they go as a whole, and can be made again. */
        public Builder embeddings(Path folder) {
            embeddings.add(folder);
            return this;
        }

        /** A folder of models to be looked at, beside those in work folders. */
        public Builder models(Path folder) {
            models.add(folder);
            return this;
        }

        /**
         * Looks, and removes nothing.
         *
         * @throws IOException if a place cannot be read
         */
        public Erasure plan() throws IOException {
            List<Step> steps = new ArrayList<>();
            for (Path folder : faces) {
                planFaces(folder, steps);
                planTables(folder, steps);
            }
            for (Map.Entry<Path, Path> manifest : manifests.entrySet()) {
                if (Files.exists(manifest.getKey())) {
                    steps.add(new Step(
                            new Removal(manifest.getKey(), "what is no longer in " + manifest.getValue()),
                            () -> FaceManifest.of(manifest.getValue())
                                    .at(manifest.getKey())
                                    .update()));
                }
            }
            for (Path folder : packs) {
                planPack(folder, steps);
            }
            for (Path folder : tables) {
                planTables(folder, steps);
            }
            for (Path folder : embeddings) {
                delete(
                        folder,
                        Pattern.compile("embeddings\\.bin|labels\\.csv|reps\\.csv|\\.embeddings\\..*"),
                        "embeddings",
                        steps);
            }
            List<String> fingerprints = new ArrayList<>();
            List<Path> runs = new ArrayList<>();
            for (Path folder : works) {
                planTables(folder, steps);
                Path listing = folder.resolve(TrainingSet.FILE);
                if (Files.exists(listing)) {
                    DatasetListing faces = read(listing);
                    if (faces.hasAnyOf(people)) {
                        runs.add(folder);
                        fingerprints.add(faces.fingerprint());
                        delete(folder, REMEMBERED, "what the training remembers of faces", steps);
                        steps.add(new Step(
                                new Removal(listing, "the list of the training's faces"),
                                () -> Files.deleteIfExists(listing)));
                    }
                }
            }
            for (Path folder : works) {
                planDerived(folder, steps);
            }
            List<Path> seen = new ArrayList<>();
            for (Path folder :
                    Stream.concat(works.stream(), models.stream()).distinct().toList()) {
                for (Path model : files(folder)) {
                    if (names(model, fingerprints)) {
                        seen.add(model);
                    }
                }
            }
            return new Erasure(people, steps, seen, runs);
        }

        /** What is made from other files, and names people too: the manifest and the report. */
        private void planDerived(Path folder, List<Step> steps) throws IOException {
            Path manifest = folder.resolve(FaceManifest.FILE_NAME);
            if (contains(manifest)) {
                steps.add(new Step(
                        new Removal(manifest, "the manifest, which the next start makes again"),
                        () -> Files.deleteIfExists(manifest)));
            }
            Path report = folder.resolve("report.html");
            if (contains(report)) {
                steps.add(new Step(new Removal(report, "their lines and faces"), () -> TrainingReport.write(folder)));
            }
        }

        private boolean contains(Path file) throws IOException {
            if (!Files.isRegularFile(file)) {
                return false;
            }
            // As Latin-1, in which each byte is a letter; the longest name may lie across two pieces.
            List<String> names = people.stream()
                    .map(name -> new String(name.getBytes(UTF_8), ISO_8859_1))
                    .toList();
            int overlap = names.stream().mapToInt(String::length).max().orElse(0);
            try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
                String before = "";
                for (byte[] piece = in.readNBytes(PIECE); piece.length > 0; piece = in.readNBytes(PIECE)) {
                    String text = before + new String(piece, ISO_8859_1);
                    if (names.stream().anyMatch(text::contains)) {
                        return true;
                    }
                    before = text.substring(Math.max(0, text.length() - overlap));
                }
            }
            return false;
        }

        private static DatasetListing read(Path listing) throws IOException {
            try (InputStream in = new BufferedInputStream(Files.newInputStream(listing))) {
                return DatasetListing.read(in);
            } catch (IOException e) {
                throw new IOException(
                        listing + ": " + e.getMessage() + ": nothing tells whose faces this training has seen", e);
            }
        }

        private void planFaces(Path folder, List<Step> steps) throws IOException {
            FaceDataset dataset = FaceDataset.index(folder);
            for (String person : people) {
                int number = dataset.identities().indexOf(person);
                if (number < 0) {
                    continue;
                }
                List<Path> images =
                        dataset.faces(number).stream().map(Face::file).toList();
                Path own = images.get(0).resolveSibling("");
                steps.add(new Step(new Removal(own, images.size() + " images"), () -> {
                    for (Path image : images) {
                        Files.deleteIfExists(image);
                    }
                    try {
                        Files.deleteIfExists(own);
                    } catch (DirectoryNotEmptyException e) {
                        // other files than images, which are not ours to delete
                    }
                }));
            }
        }

        private void planPack(Path folder, List<Step> steps) throws IOException {
            FaceDataset packed = FacePack.open(folder);
            int images = people.stream()
                    .mapToInt(packed.identities()::indexOf)
                    .filter(number -> number >= 0)
                    .map(number -> packed.faces(number).size())
                    .sum();
            if (images > 0) {
                checkArgument(images < packed.size(), "nobody else is in the pack %s: delete it as a whole", folder);
                steps.add(new Step(new Removal(folder, images + " images"), () -> {
                    FaceDataset now = FacePack.open(folder);
                    FacePack.of(now.without(people)).writeTo(folder);
                }));
            }
        }

        private void planTables(Path folder, List<Step> steps) throws IOException {
            for (Path file : files(folder)) {
                String name = String.valueOf(file.getFileName());
                if (!TABLE.matcher(name).matches()) {
                    continue;
                }
                Pattern separator =
                        Pattern.compile(name.toLowerCase(Locale.ROOT).endsWith("csv") ? "," : "\t");
                long rows = 0;
                try (BufferedReader lines = Files.newBufferedReader(file)) {
                    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                        rows += isOfThem(line, separator) ? 1 : 0;
                    }
                }
                if (rows > 0) {
                    steps.add(new Step(
                            new Removal(file, rows + (rows == 1 ? " row" : " rows")), () -> rewrite(file, separator)));
                }
            }
        }

        private void rewrite(Path file, Pattern separator) throws IOException {
            AtomicFile.write(file, out -> {
                Writer kept = new BufferedWriter(new OutputStreamWriter(out, UTF_8));
                try (BufferedReader lines = Files.newBufferedReader(file)) {
                    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                        if (!isOfThem(line, separator)) {
                            kept.write(line + "\n");
                        }
                    }
                }
                kept.flush();
            });
        }

        /** Whether a cell is a person's name, or a path with a folder of that name. */
        private boolean isOfThem(String line, Pattern separator) {
            for (String cell : separator.split(line, -1)) {
                String text = cell.replace("\"", "");
                if (people.contains(text)) {
                    return true;
                }
                for (String part : text.split("[/\\\\]", -1)) {
                    if (part.length() < text.length() && people.contains(part)) {
                        return true;
                    }
                }
            }
            return false;
        }

        private static void delete(Path folder, Pattern names, String what, List<Step> steps) throws IOException {
            for (Path file : files(folder)) {
                if (names.matcher(String.valueOf(file.getFileName())).matches()) {
                    steps.add(new Step(new Removal(file, what), () -> Files.deleteIfExists(file)));
                }
            }
        }

        private static List<Path> files(Path folder) throws IOException {
            try (Stream<Path> all = Files.list(folder)) {
                return all.filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
                        .sorted()
                        .toList();
            }
        }

        /** Whether the head of a model's file, where its passport is, names one of these training sets. */
        private static boolean names(Path model, List<String> fingerprints) throws IOException {
            try (DataInputStream in = new DataInputStream(Files.newInputStream(model))) {
                byte[] begin = in.readNBytes(Long.BYTES);
                if (begin.length < Long.BYTES || fingerprints.isEmpty()) {
                    return false;
                }
                long length =
                        ByteBuffer.wrap(begin).order(ByteOrder.LITTLE_ENDIAN).getLong();
                if (length <= 0 || length > MOST_HEAD) {
                    return false;
                }
                String head = new String(in.readNBytes(Ints.checkedCast(length)), ISO_8859_1);
                return head.startsWith("{") && fingerprints.stream().anyMatch(head::contains);
            }
        }
    }
}
