package org.openface.examples;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine;

/** What a program returned and wrote. */
record Outcome(int code, List<String> out, List<String> err) {
    String last(int fromEnd) {
        return out.get(out.size() - fromEnd);
    }

    static Outcome run(Function<Progress, Callable<Integer>> program, String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        StringWriter err = new StringWriter();
        Progress progress = new Progress(new PrintStream(out, true, StandardCharsets.UTF_8), null);
        CommandLine line = new CommandLine(program.apply(progress)).setErr(new PrintWriter(err, true));
        int code = Program.run(line, arguments);
        return new Outcome(
                code,
                out.toString(StandardCharsets.UTF_8).lines().toList(),
                err.toString().lines().toList());
    }
}
