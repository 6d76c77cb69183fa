package org.openface.examples;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.util.concurrent.Callable;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;

/** How the examples are started and how they fail: with one line on stderr and an exit code that is not 0. */
final class Program {
    /** Held here, as the logging system forgets the level of a logger that nobody holds. */
    private static final Logger LIBRARY = Logger.getLogger("org.openface");

    private Program() {}

    static int run(Callable<Integer> command, String... arguments) {
        return run(new CommandLine(command), arguments);
    }

    static int run(CommandLine line, String... arguments) {
        LIBRARY.setLevel(Level.WARNING); // what is worth saying, the programs say themselves
        // JavaCPP's remarks on oneDNN's preset being older go where slf4j sends them: here, nowhere.
        System.getProperties().putIfAbsent("org.bytedeco.javacpp.logger", "slf4j");
        line.setParameterExceptionHandler((exception, given) -> {
            line.getErr().println("error: " + exception.getMessage() + " (--help lists the options)");
            return CommandLine.ExitCode.USAGE;
        });
        line.setExecutionExceptionHandler((exception, started, parsed) -> {
            if (isForUsers(exception)) {
                line.getErr().println("error: " + message(exception));
            } else {
                // A mistake of ours: whoever reports it needs the place.
                exception.printStackTrace(line.getErr());
            }
            return CommandLine.ExitCode.SOFTWARE;
        });
        line.setCaseInsensitiveEnumValuesAllowed(true);
        return line.execute(arguments);
    }

    private static boolean isForUsers(Exception exception) {
        return exception instanceof IOException
                || exception instanceof UncheckedIOException
                || exception instanceof IllegalArgumentException
                || exception instanceof IllegalStateException;
    }

    private static String message(Exception exception) {
        String message =
                String.valueOf(exception.getMessage()).lines().findFirst().orElse("");
        // Of these the message is only a file's name.
        return exception instanceof FileSystemException
                ? exception.getClass().getSimpleName() + ": " + message
                : message;
    }
}
