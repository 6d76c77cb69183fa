package org.openface.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Measures our code and a peer's alternately in one run and prints the ratio.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.Compare training-step [ROUNDS]
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.Compare inference [ROUNDS]
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.Compare mining [ROUNDS]
 * java -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.Compare alignment [ROUNDS]
 * </pre>
 *
 * <p>Peers of the network are PyTorch and libtorch (which {@code mvn -Plibtorch -pl benchmarks -am package -DskipTests}
 * fetches) in processes of their own, and ONNX Runtime.
 *
 * <p>Ends with a line per case and peer, and one for the fastest peer, such as {@code training-step case=nn4_small2-60 peer-name=pytorch … ratio=0.80}: medians in
 * milliseconds per image (mining: per batch), ratio = ours / peer.
 */
public final class Compare {
    private Compare() {}

    /** See the class comment. */
    public static void main(String[] args) throws Exception {
        if (args.length == 0) {
            System.err.println("usage: Compare training-step|inference|mining|alignment [ROUNDS]");
            System.exit(2);
        }
        int rounds = args.length > 1 ? Integer.parseInt(args[1]) : 7;
        List<String> lines =
                switch (args[0]) {
                    case "training-step" -> NetworkComparison.trainingStep(rounds);
                    case "inference" -> NetworkComparison.inference(rounds);
                    case "mining" -> MiningComparison.mining(rounds);
                    case "alignment" -> AlignmentComparison.alignment(rounds);
                    default -> throw new IllegalArgumentException("unknown comparison " + args[0]
                            + "; there are training-step, inference, mining and alignment");
                };
        lines.forEach(System.out::println);
        System.exit(0);
    }

    static String line(
            String name, String benchmarkCase, String peer, String version, int threads, double ours, double theirs) {
        return String.format(
                Locale.ROOT,
                "%s case=%s peer-name=%s version=%s threads=%d ours=%.3f peer=%.3f ratio=%.3f",
                name,
                benchmarkCase,
                peer,
                version,
                threads,
                ours,
                theirs,
                ours / theirs);
    }

    /** Milliseconds of each of so many runs. */
    static List<Double> time(Runnable work, int count) {
        List<Double> times = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long start = System.nanoTime();
            work.run();
            times.add((System.nanoTime() - start) / 1e6);
        }
        return times;
    }

    static double median(List<Double> values) {
        double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
