package org.openface.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.io.MoreFiles;
import com.google.common.io.Resources;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.opencv_core.Mat;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.dataset.FacePack;
import org.openface.core.image.ImageFiles;
import org.openface.core.internal.batch.BatchLoader;
import org.openface.core.internal.batch.BatchPlan;

/**
 * Images per second from disk to the floats of a batch: our loader with PNG files, with packs of pixels and of files;
 * OpenCV's decoder alone; and PyTorch's DataLoader with files and with all pixels in one mapped array.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.Loading [THREADS [ROUNDS]]
 * </pre>
 *
 * <p>2 threads and 7 rounds, whose medians are printed; all cases in turn in each round. 3,000 faces of 96 × 96 pixels in 18 kB
 * each, in the system's file cache. Nothing is kept decoded.
 */
public final class Loading {
    private static final int PEOPLE = 150;
    private static final int EACH = 20;
    private static final int BATCH = 100;
    private static final int SIDE = 96;

    private Loading() {}

    /** A case: reads all faces once. */
    @FunctionalInterface
    private interface Case {
        double imagesPerSecond() throws IOException, InterruptedException, ExecutionException;
    }

    /** See the class comment. */
    public static void main(String[] args) throws Exception {
        int threads = args.length > 0 ? Integer.parseInt(args[0]) : 2;
        int rounds = args.length > 1 ? Integer.parseInt(args[1]) : 7;
        Path folder = Files.createTempDirectory("loading");
        try {
            measure(folder, threads, rounds);
        } finally {
            MoreFiles.deleteRecursively(folder);
        }
        System.exit(0);
    }

    private static void measure(Path folder, int threads, int rounds) throws Exception {
        Path pictures = Files.createDirectory(folder.resolve("faces"));
        for (int person = 0; person < PEOPLE; person++) {
            Path place = Files.createDirectory(pictures.resolve("p" + person));
            for (int face = 0; face < EACH; face++) {
                ImageFiles.writePng(DataAtScale.picture(person * EACH + face), place.resolve("face-" + face + ".png"));
            }
        }
        FaceDataset files = FaceDataset.index(pictures);
        FaceDataset pixels =
                FacePack.of(files).writeTo(folder.resolve("pixels")).dataset();
        FaceDataset packedFiles = FacePack.of(files)
                .encoding(FacePack.Encoding.FILES)
                .writeTo(folder.resolve("files"))
                .dataset();
        Map<String, Case> cases = new LinkedHashMap<>();
        cases.put("png", () -> ours(files, threads));
        cases.put("pack", () -> ours(pixels, threads));
        cases.put("pack-of-files", () -> ours(packedFiles, threads));
        cases.put("opencv", () -> openCv(files.faces(), threads));
        try (Peer peer = Peer.start(folder, files, threads)) {
            if (peer != null) {
                for (String name : List.of("pytorch", "pytorch-mapped", "numpy-mapped")) {
                    cases.put(name, () -> peer.ask(name));
                }
            }
            Map<String, List<Double>> results = new LinkedHashMap<>();
            for (int round = -2; round < rounds; round++) {
                for (Map.Entry<String, Case> one : cases.entrySet()) {
                    double rate = one.getValue().imagesPerSecond();
                    if (round >= 0) {
                        results.computeIfAbsent(one.getKey(), name -> new ArrayList<>())
                                .add(rate);
                    }
                }
            }
            results.forEach((name, rates) -> System.out.printf(
                    Locale.ROOT,
                    "loading case=%s threads=%d images/s=%.0f (%.0f to %.0f)%n",
                    name,
                    threads,
                    rates.stream().sorted().skip(rates.size() / 2).findFirst().orElseThrow(),
                    rates.stream().min(Double::compare).orElseThrow(),
                    rates.stream().max(Double::compare).orElseThrow()));
        }
    }

    private static double ours(FaceDataset faces, int threads) throws IOException {
        BatchPlan sampler = BatchPlan.builder(faces)
                .identitiesPerBatch(BATCH / EACH)
                .imagesPerIdentity(EACH)
                .coverIdentities(PEOPLE * EACH / BATCH)
                .build();
        try (BatchLoader loader = BatchLoader.builder(sampler)
                .imageSize(SIDE)
                .threads(threads)
                .cacheBytes(0)
                .build()) {
            long start = System.nanoTime();
            int images = 0;
            for (int batch = 0; batch < PEOPLE * EACH / BATCH; batch++) {
                images += loader.load(0, batch).size();
            }
            return images / ((System.nanoTime() - start) / 1e9);
        }
    }

    /** Decoding and conversion to floats alone: no batches, no order. */
    private static double openCv(List<Face> faces, int threads)
            throws IOException, InterruptedException, ExecutionException {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            long start = System.nanoTime();
            List<Future<?>> all = new ArrayList<>();
            for (int part = 0; part < threads; part++) {
                int first = part;
                all.add(pool.submit(() -> {
                    Mat floats = new Mat();
                    for (int i = first; i < faces.size(); i += threads) {
                        decode(faces.get(i).file(), floats);
                    }
                    floats.close();
                }));
            }
            for (Future<?> part : all) {
                part.get();
            }
            return faces.size() / ((System.nanoTime() - start) / 1e9);
        } finally {
            pool.shutdown();
        }
    }

    private static void decode(Path file, Mat floats) {
        try {
            byte[] bytes = Files.readAllBytes(file);
            try (BytePointer pointer = new BytePointer(bytes);
                    Mat encoded = new Mat(1, bytes.length, opencv_core.CV_8UC1, pointer);
                    Mat picture = opencv_imgcodecs.imdecode(encoded, opencv_imgcodecs.IMREAD_COLOR)) {
                picture.convertTo(floats, opencv_core.CV_32F, 1 / 255.0, 0);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** PyTorch in a process of its own. */
    private static final class Peer implements AutoCloseable {
        private final Process process;
        private final BufferedReader replies;
        private final PrintStream requests;

        private Peer(Process process) throws IOException {
            this.process = process;
            replies = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
            requests = new PrintStream(process.getOutputStream(), true, UTF_8);
        }

        /** Nothing where there is no Python with PyTorch and PIL. */
        static @Nullable Peer start(Path folder, FaceDataset files, int threads) throws IOException {
            Path listing = folder.resolve("listing.txt");
            Path pixels = folder.resolve("pixels.bin");
            try (OutputStream out = Files.newOutputStream(pixels)) {
                List<String> names = new ArrayList<>();
                for (Face face : files.faces()) {
                    names.add(face.file().toString());
                    out.write(face.read().toBytes());
                }
                Files.write(listing, names);
            }
            Path script = folder.resolve("loading.py");
            Files.writeString(script, Resources.toString(Resources.getResource(Loading.class, "loading.py"), UTF_8));
            Process process = new ProcessBuilder(
                            "/usr/bin/python3",
                            script.toString(),
                            listing.toString(),
                            pixels.toString(),
                            "1",
                            Integer.toString(BATCH),
                            Integer.toString(threads))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            Peer peer = new Peer(process);
            String ready = peer.replies.readLine();
            if (ready == null || !ready.startsWith("ready")) {
                System.out.println("no PyTorch here: " + ready);
                return null;
            }
            System.out.println("PyTorch " + ready.substring(6));
            return peer;
        }

        double ask(String name) throws IOException {
            requests.println(name);
            return Double.parseDouble(replies.readLine());
        }

        @Override
        public void close() {
            process.destroy();
        }
    }
}
