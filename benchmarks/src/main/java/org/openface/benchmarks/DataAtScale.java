package org.openface.benchmarks;

import com.google.common.io.MoreFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.openface.benchmarks.virtual.VirtualFaces;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.FaceManifest;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.batch.BatchPlan;
import org.openface.nn4.Nn4Model;
import org.openface.triplet.mining.TripletMiner;
import org.openface.triplet.training.Trainer;

/**
 * What a start costs with very many faces.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.DataAtScale ENTRIES FOLDER
 * </pre>
 *
 * <p>It makes its own entries, ten for each person: hard links to {@value #PICTURES} pictures in FOLDER up to {@value
 * #MOST_LINKS} of them, beyond that files of a {@linkplain VirtualFaces file system} that computes them. Each case runs in a
 * Java machine of its own with a heap of 100 MB, or of 60 bytes an entry if that is more; indexing and training have 1 GB more.
 * The heap that is printed is the most that was in use, garbage included; mapped files are not in it.
 *
 * <p>The cases: {@code index} reads all entries for the first time; {@code restart} finds all as they were and gives the
 * fingerprint; {@code change} does so with one changed file; {@code sample} draws one batch of 15 people (the mean of
 * 1,000); {@code first-batch} is from before the index to where a {@code Trainer}'s first batch has been read, gone through
 * nn4.small2, and is mined.
 *
 * <p>Links share their inodes, so that the system finds what it is asked for in its cache, as it does at a second start on
 * a machine with enough memory. {@code restart-cold} is the same after the system was told to forget (where it may be told); {@code stat-alone} is what the system's answers take, whoever asks.
 */
public final class DataAtScale {
    private static final int PICTURES = 300;
    private static final int EACH = 10;
    private static final int MOST_LINKS = 2_000_000;
    private static final int SAMPLES = 1_000;
    private static final FileTime LONG_AGO = FileTime.fromMillis(1_500_000_000_000L);
    private static final Path FORGET = Path.of("/proc/sys/vm/drop_caches");

    private final int entries;
    private final Path folder;
    private final Path manifest;

    private DataAtScale(int entries, Path folder) {
        this.entries = entries;
        this.folder = folder;
        manifest = folder.resolve("faces-" + entries + ".manifest");
    }

    /** See the class comment. */
    public static void main(String[] args) throws IOException, InterruptedException {
        if (args.length < 2) {
            System.err.println("usage: DataAtScale ENTRIES FOLDER");
            System.exit(2);
        }
        DataAtScale scale = new DataAtScale(Integer.parseInt(args[0]), Path.of(args[1]));
        if (args.length > 2) {
            scale.run(args[2]);
            System.exit(0);
        }
        scale.prepare();
        Files.deleteIfExists(scale.manifest);
        List<String> cases = new ArrayList<>(List.of("index", "restart", "change", "sample", "first-batch"));
        if (!scale.isVirtual()) {
            cases.add("stat-alone");
            if (Files.isWritable(FORGET)) {
                cases.add("restart-cold");
            }
        }
        List<String> lines = new ArrayList<>();
        for (String name : cases) {
            lines.add(scale.inOwnProcess(name));
        }
        lines.forEach(System.out::println);
    }

    private String inOwnProcess(String name) throws IOException, InterruptedException {
        boolean roomy = name.equals("index") || name.equals("first-batch");
        long megabytes = Math.max(100, (60L * entries) >> 20) + (roomy ? 1024 : 0);
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx" + megabytes + "m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        DataAtScale.class.getName(),
                        Integer.toString(entries),
                        folder.toString(),
                        name)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String last = "";
        for (String line :
                new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).split("\n", -1)) {
            last = line.startsWith("scale ") ? line : last;
        }
        if (process.waitFor() != 0 || last.isEmpty()) {
            throw new IOException("the case " + name + " failed");
        }
        return last;
    }

    private boolean isVirtual() {
        return entries > MOST_LINKS;
    }

    private Path pictures() {
        return folder.resolve("pictures");
    }

    private Path links() {
        return folder.resolve("faces-" + entries);
    }

    private void prepare() throws IOException {
        Files.createDirectories(pictures());
        for (int i = 0; i < PICTURES; i++) {
            Path file = pictures().resolve(i + ".png");
            if (!Files.exists(file)) {
                ImageFiles.writePng(picture(i), file);
                Files.setLastModifiedTime(file, LONG_AGO);
            }
        }
        if (isVirtual() || Files.exists(links().resolve("p00000000"))) {
            return;
        }
        Files.createDirectories(links());
        IntStream.range(0, entries / EACH).parallel().forEach(person -> {
            try {
                Path place = Files.createDirectory(links().resolve(String.format(Locale.ROOT, "p%08d", person)));
                for (int face = 0; face < EACH; face++) {
                    Files.createLink(
                            place.resolve(String.format(Locale.ROOT, "%04d.png", face)),
                            pictures().resolve((person * EACH + face) % PICTURES + ".png"));
                }
                Files.setLastModifiedTime(place, LONG_AGO);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        Files.setLastModifiedTime(links(), LONG_AGO);
    }

    /** As hard to compress as a photograph: about 18 kB. */
    static RgbImage picture(int seed) {
        Random random = new Random(seed);
        int side = 96;
        byte[] rgb = new byte[3 * side * side];
        double phase = random.nextDouble();
        for (int y = 0, at = 0; y < side; y++) {
            for (int x = 0; x < side; x++) {
                double wave = Math.sin(phase + x / 9.0) + Math.cos(phase + y / 7.0 + seed);
                for (int channel = 0; channel < 3; channel++) {
                    rgb[at++] = (byte) Math.round(120 + 40 * wave + 4 * random.nextGaussian() + 5 * channel);
                }
            }
        }
        return RgbImage.of(side, side, rgb);
    }

    private Path faces(boolean changed) throws IOException {
        if (!isVirtual()) {
            return links();
        }
        List<byte[]> pictures = new ArrayList<>();
        for (int i = 0; i < PICTURES; i++) {
            pictures.add(Files.readAllBytes(pictures().resolve(i + ".png")));
        }
        VirtualFaces virtual = new VirtualFaces(entries / EACH, EACH, pictures);
        if (changed) {
            virtual.change(entries / EACH / 2, 3);
        }
        return virtual.root();
    }

    private void run(String name) throws IOException {
        double seconds =
                switch (name) {
                    case "index" -> index(entries);
                    case "restart" -> index(0);
                    case "restart-cold" -> cold();
                    case "stat-alone" -> statAlone();
                    case "change" -> change();
                    case "sample" -> sample();
                    case "first-batch" -> firstBatch();
                    default -> throw new IllegalArgumentException("unknown case " + name);
                };
        System.out.printf(
                Locale.ROOT,
                "scale case=%s entries=%d seconds=%s heap-mb=%d%n",
                name,
                entries,
                seconds < 0.01
                        ? String.format(Locale.ROOT, "%.6f", seconds)
                        : String.format(Locale.ROOT, "%.2f", seconds),
                peakMegabytes());
    }

    private double index(long expectedReads) throws IOException {
        return update(faces(false), expectedReads);
    }

    private double update(Path faces, long expectedReads) throws IOException {
        long start = System.nanoTime();
        FaceManifest.Update update = FaceManifest.of(faces).at(manifest).update();
        String fingerprint = update.dataset().fingerprint();
        double seconds = (System.nanoTime() - start) / 1e9;
        if (update.dataset().size() != entries / EACH * EACH
                || update.read() != expectedReads
                || fingerprint.isEmpty()) {
            throw new IllegalStateException("expected to read " + expectedReads + ": " + update.summary());
        }
        return seconds;
    }

    private double cold() throws IOException {
        try {
            new ProcessBuilder("sync").start().waitFor();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        Files.writeString(FORGET, "3");
        return index(0);
    }

    /** What any program must ask the system: size and time of each folder and file, on all processors. */
    private double statAlone() {
        long start = System.nanoTime();
        long bytes = IntStream.range(0, entries / EACH)
                .parallel()
                .mapToLong(person -> {
                    try {
                        Path place = links().resolve(String.format(Locale.ROOT, "p%08d", person));
                        long sum = Files.readAttributes(place, BasicFileAttributes.class)
                                .size();
                        for (int face = 0; face < EACH; face++) {
                            Path file = place.resolve("000" + face + ".png");
                            sum += Files.readAttributes(file, BasicFileAttributes.class)
                                    .size();
                        }
                        return sum;
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                })
                .sum();
        double seconds = (System.nanoTime() - start) / 1e9;
        if (bytes == 0) {
            throw new IllegalStateException("the files are empty");
        }
        return seconds;
    }

    private double change() throws IOException {
        if (isVirtual()) {
            return update(faces(true), 1);
        }
        // As a program that replaces a file does it; the others that are linked to it stay.
        Path file = links().resolve("p00000001").resolve("0003.png");
        Path other = folder.resolve("changed.png");
        ImageFiles.writePng(picture(new Random().nextInt(1_000_000) + PICTURES), other);
        Files.setLastModifiedTime(other, FileTime.fromMillis(LONG_AGO.toMillis() + new Random().nextInt(1_000_000)));
        Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
        Files.setLastModifiedTime(
                links().resolve("p00000001"),
                FileTime.fromMillis(LONG_AGO.toMillis() + new Random().nextInt(1_000_000)));
        return update(faces(false), 1);
    }

    private double sample() throws IOException {
        BatchPlan sampler = BatchPlan.builder(FaceDataset.index(faces(isVirtual()), manifest))
                .imagesPerIdentity(EACH)
                .build();
        int images = 0;
        for (int i = 0; i < SAMPLES; i++) {
            images += sampler.sample(0, i).size(); // compiles the code
        }
        long start = System.nanoTime();
        for (int i = 0; i < SAMPLES; i++) {
            images += sampler.sample(1, i).size();
        }
        double seconds = (System.nanoTime() - start) / 1e9 / SAMPLES;
        if (images != 2 * SAMPLES * 15 * EACH) {
            throw new IllegalStateException("drew " + images + " images");
        }
        return seconds;
    }

    private double firstBatch() throws IOException {
        Path work = Files.createTempDirectory(folder, "work");
        try (Nn4Model model = Nn4Model.builder(Nn4Model.Variant.NN4_SMALL2).build()) {
            long start = System.nanoTime();
            FaceDataset faces = FaceDataset.index(faces(isVirtual()), manifest);
            TripletMiner openFace = TripletMiner.openFace();
            AtomicLong mined = new AtomicLong();
            Trainer.builder()
                    .model(model)
                    .trainingSet(faces)
                    .workDirectory(work)
                    .identitiesPerBatch(15)
                    .imagesPerIdentity(4)
                    .batchesPerEpoch(1)
                    .epochs(1)
                    .miner(batch -> {
                        mined.compareAndSet(0, System.nanoTime());
                        return openFace.mine(batch);
                    })
                    .fit();
            System.out.printf(Locale.ROOT, "the whole fit took %.2f s%n", (System.nanoTime() - start) / 1e9);
            return (mined.get() - start) / 1e9;
        } finally {
            MoreFiles.deleteRecursively(work);
        }
    }

    private static long peakMegabytes() {
        long bytes = 0;
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getType() == MemoryType.HEAP) {
                bytes += pool.getPeakUsage().getUsed();
            }
        }
        return bytes >> 20;
    }
}
