package org.openface.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.base.Splitter;
import com.google.common.io.Resources;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The same work in PyTorch, in a Python process of its own that works only when asked. */
final class PyTorchPeer implements AutoCloseable {
    private final Process process;
    private final BufferedReader replies;
    private final PrintStream requests;
    private final Path script;
    private final String version;
    private final String name;
    private final boolean outOfMemory;
    private long peakMegabytes;

    private PyTorchPeer(Process process, Path script) throws IOException {
        this.process = process;
        this.script = script;
        replies = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
        requests = new PrintStream(process.getOutputStream(), true, UTF_8);
        List<String> first = words();
        version = first.get(0);
        name = first.size() > 1 ? first.get(1) : "pytorch";
        outOfMemory = first.contains("oom");
    }

    /** Starts the network, or returns nothing where Python has no PyTorch (Debian: the package python3-torch). */
    static Optional<PyTorchPeer> start(String variant, int images, int threads, String what) throws IOException {
        return start("nn4_torch.py", List.of(variant, Integer.toString(images), Integer.toString(threads), what));
    }

    /** Starts a script of ours, or returns nothing where Python has no PyTorch. */
    static Optional<PyTorchPeer> start(String resource, List<String> arguments) throws IOException {
        Path script = Files.createTempFile("openface-peer", ".py");
        Files.writeString(script, Resources.toString(Resources.getResource(PyTorchPeer.class, resource), UTF_8));
        List<String> command = new ArrayList<>(List.of("/usr/bin/python3", script.toString(), "serve"));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            return Optional.of(new PyTorchPeer(process, script));
        } catch (IOException e) {
            process.destroy();
            Files.deleteIfExists(script);
            return Optional.empty();
        }
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

    /** Milliseconds of each of {@code count} steps, run now. */
    List<Double> run(int count) throws IOException {
        requests.println(count);
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
            throw new IOException("the PyTorch process ended");
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
