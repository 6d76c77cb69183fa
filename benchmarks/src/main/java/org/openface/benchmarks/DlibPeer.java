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

/** dlib's HOG detector and landmarks in a C++ process of its own, which works only when asked. */
final class DlibPeer implements AutoCloseable {
    private final Process process;
    private final BufferedReader replies;
    private final PrintStream requests;
    private final String version;
    private int found;

    private DlibPeer(Process process) throws IOException {
        this.process = process;
        replies = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
        requests = new PrintStream(process.getOutputStream(), true, UTF_8);
        version = line();
    }

    /**
     * Compiles the program, which takes a minute, or returns nothing where there is no g++ or no dlib (Debian: the
     * packages g++ and libdlib-dev).
     */
    static Optional<Path> compile(Path folder) throws IOException, InterruptedException {
        Path source = folder.resolve("dlib_align.cpp");
        Files.writeString(source, Resources.toString(Resources.getResource(DlibPeer.class, "dlib_align.cpp"), UTF_8));
        Path program = folder.resolve("dlib_align");
        // dlib's library needs BLAS and LAPACK, which Debian installs with it under these names.
        List<String> command = List.of(
                "g++",
                "-std=c++14",
                "-O3",
                "-march=native",
                "-DNDEBUG",
                "-o",
                program.toString(),
                source.toString(),
                "-ldlib",
                "-l:libblas.so.3",
                "-l:liblapack.so.3",
                "-lpthread");
        try {
            int code = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("g++.log").toFile())
                    .start()
                    .waitFor();
            return code == 0 ? Optional.of(program) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty(); // no g++
        }
    }

    static DlibPeer start(Path program, Path landmarks, int upsamplings, int threads, Path out, List<Path> images)
            throws IOException {
        List<String> command = new ArrayList<>(List.of(
                program.toString(),
                landmarks.toString(),
                Integer.toString(upsamplings),
                Integer.toString(threads),
                out.toString()));
        images.forEach(image -> command.add(image.toString()));
        return new DlibPeer(new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start());
    }

    String version() {
        return version;
    }

    /** In how many images a face was found. */
    int found() {
        return found;
    }

    /** Milliseconds of each of so many passes over the images, run now. */
    List<Double> run(int passes) throws IOException {
        requests.println(passes);
        List<String> words = Splitter.on(' ').splitToList(line());
        found = Integer.parseInt(words.get(0));
        List<Double> times = new ArrayList<>();
        for (String word : words.subList(1, words.size())) {
            times.add(Double.valueOf(word));
        }
        return times;
    }

    private String line() throws IOException {
        String line = replies.readLine();
        if (line == null) {
            throw new IOException("the dlib process ended");
        }
        return line;
    }

    @Override
    public void close() {
        process.destroy();
    }
}
