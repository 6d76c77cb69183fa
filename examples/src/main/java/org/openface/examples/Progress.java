package org.openface.examples;

import java.io.Console;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Tells people what is going on: lines on stdout, and between them a bar on stderr that is drawn over and over, if there
 * is a terminal to draw it on.
 */
final class Progress {
    private static final int WIDTH = 30;
    private static final long REDRAW_NANOS = 100_000_000;

    private final PrintStream out;
    private final @Nullable PrintStream bar;
    private int drawn;
    private long drawnAt;

    Progress(PrintStream out, @Nullable PrintStream bar) {
        this.out = out;
        this.bar = bar;
    }

    static Progress onConsole() {
        return new Progress(System.out, hasTerminal() ? System.err : null);
    }

    @SuppressWarnings("SystemConsoleNull") // from Java 22 on there is always a console, which knows isTerminal()
    private static boolean hasTerminal() {
        Console console = System.console();
        if (console == null) {
            return false;
        }
        try {
            return (boolean) Console.class.getMethod("isTerminal").invoke(console);
        } catch (ReflectiveOperationException e) {
            return true;
        }
    }

    /** A line that stays, formatted as by {@link String#format}. */
    void say(String format, Object... arguments) {
        clear();
        out.println(String.format(Locale.ROOT, format, arguments));
        out.flush();
    }

    /** Draws the bar, unless it was drawn a moment ago. */
    void show(String doing, long done, long total, Duration left) {
        show(doing, done, total, "", left);
    }

    /** As the other, with how many are done in a second. */
    void show(String doing, long done, long total, double perSecond, Duration left) {
        show(doing, done, total, String.format(Locale.ROOT, "%.1f/s, ", perSecond), left);
    }

    private void show(String doing, long done, long total, String rate, Duration left) {
        long now = System.nanoTime();
        if (bar == null || (drawn > 0 && now - drawnAt < REDRAW_NANOS && done < total)) {
            return;
        }
        int filled = (int) (WIDTH * done / Math.max(1, total));
        String line = String.format(
                Locale.ROOT,
                "%s [%s%s] %d of %d, %s%s left",
                doing,
                "#".repeat(filled),
                "-".repeat(WIDTH - filled),
                done,
                total,
                rate,
                words(left));
        bar.print("\r" + line + " ".repeat(Math.max(0, drawn - line.length())));
        bar.flush();
        drawn = line.length();
        drawnAt = now;
    }

    private void clear() {
        if (bar != null && drawn > 0) {
            bar.print("\r" + " ".repeat(drawn) + "\r");
            bar.flush();
            drawn = 0;
        }
    }

    /** Such as {@code 40 s}, {@code 3 min 20 s} or {@code 30 h 5 min}. */
    static String words(Duration duration) {
        long seconds = Math.max(0, Math.round(duration.toMillis() / 1000.0));
        long minutes = seconds / 60;
        if (minutes >= 60) {
            return minutes / 60 + " h " + minutes % 60 + " min";
        }
        return minutes == 0 ? seconds + " s" : minutes + " min " + seconds % 60 + " s";
    }
}
