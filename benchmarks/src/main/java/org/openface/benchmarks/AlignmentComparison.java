package org.openface.benchmarks;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.openface.align.AlignReport;
import org.openface.align.Aligner;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;

/**
 * The directory job, from photographs to aligned faces on disk, against the same in dlib's C++ with its HOG detector, with
 * OpenFace's one up-sampling and without. The folder with photographs and a landmark file is the system property {@code
 * openface.shared}, by default {@code ../shared}; YuNet takes part if {@code openface.yunet} names its file.
 */
final class AlignmentComparison {
    private static final String YUNET = "openface.yunet";

    private AlignmentComparison() {}

    /** What was compared: our settings on one set of photographs. */
    private record Case(String set, Method method, int threads) {
        String name() {
            return set + "-" + method.name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    private enum Method {
        HAAR_EYES,
        HAAR_DLIB_LANDMARKS,
        YUNET_DLIB_LANDMARKS
    }

    static List<String> alignment(int rounds) throws IOException, InterruptedException {
        Path shared = Path.of(System.getProperty("openface.shared", "../shared"));
        Path landmarks = shared.resolve("data/dlib/sp68_small.dat");
        Path faces = shared.resolve("data/faces");
        if (!Files.exists(landmarks) || !Files.isDirectory(faces)) {
            return List.of(
                    "alignment peer=none (no photographs in " + shared + "; say where with -Dopenface.shared=DIR)");
        }
        Path work = Files.createTempDirectory("openface-alignment");
        try {
            Optional<Path> program = DlibPeer.compile(work);
            List<String> lines = new ArrayList<>();
            for (String set : List.of("lfw", "openface-examples")) {
                for (int threads : new int[] {1, 2}) {
                    for (Method method : Method.values()) {
                        if (method != Method.YUNET_DLIB_LANDMARKS || System.getProperty(YUNET) != null) {
                            lines.addAll(compare(
                                    new Case(set, method, threads),
                                    faces.resolve(set),
                                    landmarks,
                                    program,
                                    work,
                                    rounds));
                        }
                    }
                }
            }
            return lines;
        } finally {
            MoreFiles.deleteRecursively(work, RecursiveDeleteOption.ALLOW_INSECURE);
        }
    }

    private static List<String> compare(
            Case what, Path raw, Path landmarks, Optional<Path> program, Path work, int rounds) throws IOException {
        List<Path> images =
                FaceDataset.index(raw).faces().stream().map(Face::file).toList();
        List<String> lines = new ArrayList<>();
        Aligner.Builder builder = Aligner.builder().threads(what.threads());
        if (what.method() != Method.HAAR_EYES) {
            builder.dlibLandmarks(landmarks);
        }
        if (what.method() == Method.YUNET_DLIB_LANDMARKS) {
            builder.yuNet(Path.of(System.getProperty(YUNET, "")));
        }
        try (Aligner aligner = builder.build()) {
            AlignReport[] last = {run(aligner, raw, work)}; // and warm
            Runnable ours = () -> {
                try {
                    last[0] = run(aligner, raw, work);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            };
            for (int upsamplings = 1; upsamplings >= 0; upsamplings--) {
                String peerName = "dlib-hog-landmarks" + (upsamplings == 0 ? "-no-upsampling" : "");
                if (program.isEmpty()) {
                    lines.add("alignment case=" + what.name() + " peer-name=" + peerName
                            + " peer=none (install g++ and libdlib-dev)");
                    continue;
                }
                Path out = Files.createDirectories(work.resolve("dlib"));
                try (DlibPeer peer =
                        DlibPeer.start(program.get(), landmarks, upsamplings, what.threads(), out, images)) {
                    peer.run(1);
                    List<Double> mine = new ArrayList<>();
                    List<Double> theirs = new ArrayList<>();
                    for (int round = 0; round < rounds; round++) {
                        mine.addAll(Compare.time(ours, 1));
                        theirs.addAll(peer.run(1));
                    }
                    String line = Compare.line(
                            "alignment",
                            what.name(),
                            peerName,
                            peer.version(),
                            what.threads(),
                            Compare.median(mine) / images.size(),
                            Compare.median(theirs) / images.size());
                    System.out.println("# " + line);
                    System.out.printf(
                            Locale.ROOT,
                            "# alignment: %s, %d threads: %d of %d aligned at %.1f images/s, dlib %d at %.1f images/s%n",
                            what.name(),
                            what.threads(),
                            last[0].aligned(),
                            images.size(),
                            1000 * images.size() / Compare.median(mine),
                            peer.found(),
                            1000 * images.size() / Compare.median(theirs));
                    lines.add(line);
                }
            }
            System.out.printf(
                    Locale.ROOT, "# alignment: %s, milliseconds per image: %s%n", what.name(), stages(last[0]));
        }
        return lines;
    }

    private static AlignReport run(Aligner aligner, Path raw, Path work) throws IOException {
        Path out = Files.createTempDirectory(work, "aligned");
        AlignReport report = aligner.alignDirectory(raw, out);
        MoreFiles.deleteRecursively(out, RecursiveDeleteOption.ALLOW_INSECURE);
        return report;
    }

    private static String stages(AlignReport report) {
        return report.time().entrySet().stream()
                .map(stage -> String.format(
                        Locale.ROOT,
                        "%s %.2f",
                        stage.getKey().name().toLowerCase(Locale.ROOT),
                        milliseconds(stage.getValue()) / report.total()))
                .collect(Collectors.joining(", "));
    }

    private static double milliseconds(Duration duration) {
        return duration.toNanos() / 1e6;
    }
}
