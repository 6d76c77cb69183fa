package org.openface.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.base.Joiner;
import com.google.common.base.Splitter;
import com.google.common.io.Resources;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The same work in PyTorch or libtorch, in a process of its own that works only when asked.
 *
 * <p>At its best: told to keep what it has freed. By itself glibc gives each large block back to the system at once, and
 * PyTorch then spends more time in page faults than in convolutions; what users of jemalloc or tcmalloc never see.
 */
final class PeerProcess implements AutoCloseable {
    /** Where the profile {@code libtorch} puts it. */
    static final Path LIBTORCH = Path.of("benchmarks", "target", "libtorch");

    /** With more, libtorch does not load. */
    private static final String TOP_PAD = "134217728";

    private static final Map<String, String> KEEP_MEMORY = Map.of(
            "MALLOC_MMAP_THRESHOLD_", "4294967296",
            "MALLOC_TRIM_THRESHOLD_", "4294967296",
            "MALLOC_TOP_PAD_", TOP_PAD);

    private final Process process;
    private final BufferedReader replies;
    private final PrintStream requests;
    private final Path script;
    private final String version;
    private final String name;
    private final boolean outOfMemory;
    private long peakMegabytes;

    private PeerProcess(Process process, Path script) throws IOException {
        this.process = process;
        this.script = script;
        replies = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
        requests = new PrintStream(process.getOutputStream(), true, UTF_8);
        List<String> first = words();
        version = first.get(0);
        name = first.size() > 1 ? first.get(1) : "pytorch";
        outOfMemory = first.contains("oom");
    }

    /**
     * Starts the network in PyTorch, or returns nothing where Python has none (Debian: the package python3-torch).
     *
     * @param images the most that a batch will have
     * @param what {@code step}, {@code step-bfloat16} or {@code embed}
     */
    static Optional<PeerProcess> pyTorch(String variant, int images, int threads, String what) throws IOException {
        return pyTorch("nn4_torch.py", List.of(variant, Integer.toString(images), Integer.toString(threads), what));
    }

    /** Starts a script of ours in PyTorch, or returns nothing where Python has none. */
    static Optional<PeerProcess> pyTorch(String resource, List<String> arguments) throws IOException {
        Path script = script(resource, ".py");
        List<String> command = new ArrayList<>(List.of("/usr/bin/python3", script.toString(), "serve"));
        command.addAll(arguments);
        return start(script, command);
    }

    /**
     * As {@link #pyTorch} in libtorch, newer than Debian's, through its Java preset; nothing where {@code mvn -Plibtorch
     * package} has not fetched it.
     */
    static Optional<PeerProcess> libtorch(String variant, int images, int threads, String what) throws IOException {
        if (!Files.isDirectory(LIBTORCH)) {
            return Optional.empty();
        }
        Path script = script("LibtorchNetwork.java", ".java");
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                LIBTORCH + "/*" + File.pathSeparator + System.getProperty("java.class.path"),
                script.toString(),
                variant,
                Integer.toString(images),
                Integer.toString(threads),
                what);
        return start(script, command);
    }

    private static Path script(String resource, String suffix) throws IOException {
        Path script = Files.createTempFile("openface-peer", suffix);
        Files.writeString(script, Resources.toString(Resources.getResource(PeerProcess.class, resource), UTF_8));
        return script;
    }

    private static Optional<PeerProcess> start(Path script, List<String> command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().putAll(KEEP_MEMORY);
        Process process = builder.start();
        try {
            return Optional.of(new PeerProcess(process, script));
        } catch (IOException e) {
            process.destroy();
            Files.deleteIfExists(script);
            return Optional.empty();
        }
    }

    /** How the peers' memory is set, for the log. */
    static String settings() {
        return KEEP_MEMORY.entrySet().stream()
                .map(setting -> setting.getKey() + "=" + setting.getValue())
                .sorted()
                .collect(Collectors.joining(" "));
    }

    /** Whether the work does not fit into memory; it cannot be run then. */
    boolean outOfMemory() {
        return outOfMemory;
    }

    String version() {
        return version;
    }

    /** What it calls itself, with the way of computing it has chosen. */
    String name() {
        return name;
    }

    long peakMegabytes() {
        return peakMegabytes;
    }

    /** Milliseconds of each of {@code count} steps of a script that always does the same, run now. */
    List<Double> run(int count) throws IOException {
        return ask(Integer.toString(count));
    }

    /** Milliseconds of each step, or embedding, of batches of so many images, run now. */
    List<Double> run(List<Integer> images) throws IOException {
        return ask(Joiner.on(' ').join(images));
    }

    private List<Double> ask(String request) throws IOException {
        requests.println(request);
        List<String> words = words();
        peakMegabytes = Long.parseLong(words.get(0));
        List<Double> times = new ArrayList<>();
        for (String word : words.subList(1, words.size())) {
            times.add(Double.valueOf(word));
        }
        return times;
    }

    private List<String> words() throws IOException {
        String line = replies.readLine();
        if (line == null) {
            throw new IOException("the peer's process ended");
        }
        return Splitter.on(' ').splitToList(line);
    }

    @Override
    public void close() {
        process.destroy();
        try {
            Files.deleteIfExists(script);
        } catch (IOException e) {
            script.toFile().deleteOnExit();
        }
    }
}
