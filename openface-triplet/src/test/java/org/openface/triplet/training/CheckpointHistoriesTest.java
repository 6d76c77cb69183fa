package org.openface.triplet.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.triplet.internal.checkpoint.Checkpoint;
import org.openface.triplet.internal.checkpoint.Checkpoint.Place;
import org.openface.triplet.internal.checkpoint.CheckpointDirectory;
import org.openface.triplet.internal.checkpoint.Retention;
import org.openface.triplet.internal.checkpoint.WorkDirectory;

/** Random histories of saves, evaluations, damage and resumes: the newest good state always survives. */
class CheckpointHistoriesTest {
    private static final Pattern PLACE = Pattern.compile("checkpoint-(\\d+)(?:\\+(\\d+))?\\.properties");
    private static final String FIGURE = "lfw.accuracy";
    private static final int BATCHES = 6;

    /** One history, and what is known of each checkpoint in it. */
    private static final class Story {
        private final Path folder;
        private final WorkDirectory directory;
        private final Retention retention;
        private final @Nullable String figure;
        private final Random random;
        private final LinearEmbedder model;
        private final Set<Place> good = new TreeSet<>();
        /** Damaged ones that a resume has met. */
        private final Set<Place> known = new HashSet<>();

        private CheckpointDirectory checkpoints;
        private Place place = new Place(0, 0);
        private History epochs = new History();
        private final List<String> log = new ArrayList<>();

        Story(Path folder, Retention retention, @Nullable String figure, long seed) throws IOException {
            this.folder = folder;
            this.retention = retention;
            this.figure = figure;
            random = new Random(seed);
            model = new LinearEmbedder(seed);
            directory = WorkDirectory.open(folder);
            checkpoints = new CheckpointDirectory(directory, retention);
        }

        void run(int steps, boolean withinEpochs) throws IOException {
            for (int i = 0; i < steps; i++) {
                int what = random.nextInt(10);
                if (what < 6) {
                    int batch = place.batch() + 1 + random.nextInt(2);
                    boolean within = withinEpochs && batch < BATCHES && random.nextInt(4) > 0;
                    save(within ? new Place(place.epoch(), batch) : new Place(place.epoch() + 1, 0));
                } else if (what < 8) {
                    damage();
                    if (random.nextBoolean()) {
                        resume();
                    }
                } else {
                    resume();
                }
            }
        }

        private void save(Place next) throws IOException {
            Optional<Integer> best = best();
            Set<Place> before = new HashSet<>(good);
            NavigableSet<Place> onDisk = onDisk();
            place = next;
            log.add("save " + place);
            if (place.batch() == 0) {
                epochs.add(new EpochTally().metrics(place.epoch(), 0));
            }
            Checkpoint written = checkpoints.write(
                    model,
                    out -> out.write(7),
                    place,
                    false,
                    Map.of(),
                    Map.of(),
                    Map.of(),
                    epochs.lines(),
                    epochs.best(figure));
            good.add(place);
            assertThat(newest()).as("%s", log).isEqualTo(written);
            if (place.batch() == 0 && random.nextInt(4) > 0) {
                evaluate(written);
            }
            known.remove(place);
            assertThat(onDisk()).as("%s", log).containsAll(onDisk.tailSet(place, false));
            onDisk.add(place);
            assertThat(onDisk()).as("%s", log).containsAll(newestOf(onDisk.headSet(place, true)));
            good.removeIf(kept -> !isThere(kept));
            Set<Place> lost = new HashSet<>(before);
            lost.removeAll(good);
            for (Place deleted : lost) {
                boolean multiple = retention.every() > 0 && deleted.epoch() % retention.every() == 0;
                assertThat(deleted.batch() == 0 && multiple).as("%s", log).isFalse();
                assertThat(deleted.batch() == 0 && best.equals(Optional.of(deleted.epoch())))
                        .as("best %s %s", best, log)
                        .isFalse();
            }
        }

        private NavigableSet<Place> onDisk() throws IOException {
            try (Stream<Path> files = Files.list(folder)) {
                return files.map(file -> PLACE.matcher(file.getFileName().toString()))
                        .filter(Matcher::matches)
                        .map(name -> new Place(
                                Integer.parseInt(name.group(1)),
                                name.group(2) == null ? 0 : Integer.parseInt(name.group(2))))
                        .collect(Collectors.toCollection(TreeSet::new));
            }
        }

        /** The newest that are not known to be damaged: of whole epochs, and of those within that are newer. */
        private List<Place> newestOf(Set<Place> places) {
            List<Place> useful = places.stream()
                    .filter(one -> !known.contains(one))
                    .sorted(Comparator.reverseOrder())
                    .toList();
            return Stream.concat(
                            useful.stream().filter(one -> one.batch() == 0).limit(retention.last()),
                            useful.stream().takeWhile(one -> one.batch() > 0).limit(retention.last()))
                    .toList();
        }

        private void evaluate(Checkpoint written) throws IOException {
            double value = random.nextInt(4) == 0 ? Double.NaN : random.nextInt(5) / 4.0;
            log.add("evaluate " + value);
            epochs.evaluate(Map.of(FIGURE, value));
            Checkpoint evaluated = written.evaluated(Map.of(), epochs.lines());
            checkpoints.write(evaluated);
            assertThat(newest()).as("%s", log).isEqualTo(evaluated);
        }

        private Optional<Integer> best() {
            if (figure == null) {
                return Optional.empty();
            }
            Optional<EpochMetrics> best = Optional.empty();
            for (EpochMetrics epoch : epochs.epochs()) {
                double value = epoch.evaluation().getOrDefault(FIGURE, Double.NaN);
                if (!Double.isNaN(value)
                        && (best.isEmpty() || value > best.get().evaluation().get(FIGURE))) {
                    best = Optional.of(epoch);
                }
            }
            return best.map(EpochMetrics::epoch);
        }

        private void damage() throws IOException {
            List<Path> files = new ArrayList<>();
            try (Stream<Path> all = Files.list(folder)) {
                all.filter(file -> file.getFileName().toString().matches("(checkpoint|model|memory)-.*"))
                        .sorted()
                        .forEach(files::add);
            }
            if (onDisk().isEmpty()) {
                return;
            }
            // Mostly the newest ones: a power cut hits what was written last.
            String newest = "-"
                    + onDisk().stream().reduce((a, b) -> b).map(Place::toString).orElse("") + ".";
            if (random.nextInt(3) > 0) {
                files.removeIf(file -> !file.getFileName().toString().contains(newest));
            }
            Path file = files.get(random.nextInt(files.size()));
            log.add("damage " + file.getFileName());
            byte[] bytes = Files.readAllBytes(file);
            String of = file.getFileName().toString().replaceAll("^[a-z]+-|\\.\\w+$", "");
            boolean wasGood = good.removeIf(place -> place.toString().equals(of));
            int how = random.nextInt(3);
            if (how == 0 || bytes.length == 0 || !wasGood) { // a second flip could undo the first
                Files.delete(file);
            } else if (how == 1) {
                Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
            } else {
                bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
                Files.write(file, bytes);
            }
        }

        private void resume() throws IOException {
            checkpoints = new CheckpointDirectory(directory, retention);
            Optional<Checkpoint> found;
            try {
                found = checkpoints.newest(checkpoint -> {}, (file, reason) -> {});
            } catch (IOException e) { // all are damaged: someone takes them away
                assertThat(good).as("%s", log).isEmpty();
                try (Stream<Path> all = Files.list(folder)) {
                    for (Path file : all.filter(Files::isRegularFile).toList()) {
                        Files.delete(file);
                    }
                }
                found = Optional.empty();
            }
            Optional<Place> newest = good.stream().reduce((a, b) -> b);
            assertThat(found.map(Checkpoint::place)).as("%s", log).isEqualTo(newest);
            place = newest.orElse(new Place(0, 0));
            known.clear();
            known.addAll(onDisk().tailSet(place, false));
            epochs = found.map(checkpoint -> History.of(checkpoint.history())).orElseGet(History::new);
            log.add("resume at " + place);
        }

        private Checkpoint newest() throws IOException {
            return new CheckpointDirectory(directory, retention)
                    .newest(checkpoint -> {}, (file, reason) -> {})
                    .orElseThrow();
        }

        private boolean isThere(Place of) {
            return Files.exists(checkpoints.trainerFile(of)) && Files.exists(checkpoints.modelFile(of));
        }

        void close() {
            directory.close();
        }
    }

    private static void histories(Path temp, int each, int steps) throws IOException {
        long seed = 0;
        for (int last = 1; last <= 3; last++) {
            for (int every : new int[] {0, 2, 3}) {
                for (String best : new String[] {null, FIGURE}) {
                    for (boolean withinEpochs : new boolean[] {false, true}) {
                        for (int i = 0; i < each; i++) {
                            seed++;
                            Story story =
                                    new Story(temp.resolve("work " + seed), new Retention(last, every), best, seed);
                            story.run(steps, withinEpochs);
                            story.close();
                        }
                    }
                }
            }
        }
    }

    @Test
    void theNewestGoodStateSurvives(@TempDir Path temp) throws IOException {
        histories(temp, 1, 12);
    }

    @Test
    @Tag("soak")
    void theNewestGoodStateSurvivesManyHistories(@TempDir Path temp) throws IOException {
        histories(temp, 4, 60);
    }
}
