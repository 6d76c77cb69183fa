package org.openface.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.align.AlignProgress;
import org.openface.core.drawn.DrawnFaces;

class ProgramsTest {
    @Test
    void whatIsWrongIsSaidInOneLine(@TempDir Path folder) throws IOException {
        String work = folder.resolve("work").toString();
        assertFails(2, "--epochs", Outcome.run(TrainFaces::new, "--epochs", "many"));
        assertFails(2, "Missing required", Outcome.run(ComparePhotos::new, "one.png"));
        assertFails(1, "--aligned is about", Outcome.run(TrainFaces::new, "--aligned", "--work", work));
        assertFails(
                1,
                "there is no model nowhere.nn4",
                Outcome.run(ComparePhotos::new, "one.png", "two.png", "--model", "nowhere.nn4"));
        Path empty = Files.createDirectory(folder.resolve("empty"));
        assertFails(
                1,
                "no images in",
                Outcome.run(TrainFaces::new, "--data", empty.toString(), "--aligned", "--work", work));
        Path few = folder.resolve("few");
        DrawnFaces.of(1).writeTo(few, 4, 3);
        assertFails(
                1,
                "4 people have at least 3 images; it takes 5: 3 to verify on and 2 to learn from",
                Outcome.run(TrainFaces::new, "--data", few.toString(), "--aligned", "--work", work));
        assertFails(
                1,
                "4",
                Outcome.run(
                        TrainFaces::new, "--data", few.toString(), "--aligned", "--work", work, "--min-images", "4"));
    }

    @Test
    void drawsThePlotsOfAFolder(@TempDir Path work) throws IOException {
        assertFails(1, "metrics.csv", Outcome.run(PlotTraining::new, work.toString()));
        Files.writeString(work.resolve("metrics.csv"), "epoch,meanLoss,lossOverAll\n1,0.2,0.1\n2,0.2,0.08\n");
        assertThat(Outcome.run(PlotTraining::new, work.toString()).code()).isZero();
        assertThat(work.resolve("loss.png")).isNotEmptyFile();
        assertThat(work.resolve("report.html")).isNotEmptyFile();
    }

    private static void assertFails(int code, String message, Outcome outcome) {
        assertThat(outcome.err())
                .singleElement()
                .satisfies(line -> assertThat(line).startsWith("error: ").contains(message));
        assertThat(outcome.code()).isEqualTo(code);
    }

    @Test
    void sharesAreReadAsNumberOrPercent() {
        TrainFaces.Share share = new TrainFaces.Share();
        assertThat(share.convert("0.25")).isEqualTo(0.25);
        assertThat(share.convert("25%")).isEqualTo(0.25);
        assertThat(share.convert("25 %")).isEqualTo(0.25);
        assertThat(share.convert("25")).isEqualTo(0.25);
        assertThatIllegalArgumentException().isThrownBy(() -> share.convert("1.5"));
        assertThatIllegalArgumentException().isThrownBy(() -> share.convert("a few"));
    }

    @Test
    void aBarIsDrawnOverAndOverAndMakesRoomForLines() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Progress progress = new Progress(
                new PrintStream(out, true, StandardCharsets.UTF_8), new PrintStream(out, true, StandardCharsets.UTF_8));
        progress.show("training", 5, 10, Duration.ofSeconds(200));
        progress.say("epoch %d", 1);
        String bar = "training [" + "#".repeat(15) + "-".repeat(15) + "] 5 of 10, 3 min 20 s left";
        assertThat(out.toString(StandardCharsets.UTF_8))
                .isEqualTo("\r" + bar + "\r" + " ".repeat(bar.length()) + "\repoch 1" + System.lineSeparator());
    }

    @Test
    void aBarOfALongJobSaysHowFastItIs() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrintStream stream = new PrintStream(out, true, StandardCharsets.UTF_8);
        AlignDirectory.show(new Progress(stream, stream), new AlignProgress(2_500_000, 10_000_000, 68.25));
        assertThat(out.toString(StandardCharsets.UTF_8))
                .isEqualTo("\raligning [" + "#".repeat(7) + "-".repeat(23)
                        + "] 2500000 of 10000000, 68.3/s, 30 h 31 min left");
    }
}
