package org.openface.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.io.Resources;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** OpenFace's recipe in PyTorch, in a Python process of its own: the yardstick of {@link LearningCurves}. */
final class PyTorchLearning {
    private PyTorchLearning() {}

    /** Trains on the folders {@code training}, {@code held-out-images}, {@code held-out-people} and prints lines as ours. */
    static void run(Path folders, long seed, int steps, int stepsPerLine) throws IOException {
        for (String script : List.of("nn4_torch.py", "learning_torch.py")) {
            Files.writeString(
                    folders.resolve(script),
                    Resources.toString(Resources.getResource(PyTorchLearning.class, script), UTF_8));
        }
        Process process = new ProcessBuilder(
                        "/usr/bin/python3",
                        folders.resolve("learning_torch.py").toString(),
                        folders.toString(),
                        Long.toString(seed),
                        Integer.toString(steps),
                        Integer.toString(stepsPerLine))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
            lines.lines().forEach(System.out::println);
        }
        int code = process.onExit().join().exitValue();
        if (code != 0) {
            throw new IOException("PyTorch's run ended with " + code);
        }
    }
}
