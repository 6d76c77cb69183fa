package org.openface.triplet.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

class HtmlReportTest {
    @Test
    void namesCannotBecomePartOfThePage(@TempDir Path work) throws IOException {
        Path photograph = work.resolve("face.png");
        ImageFiles.writePng(RgbImage.of(1, 1, new byte[3]), photograph);
        Files.writeString(work.resolve("metrics.csv"), "epoch,meanLoss\n1,0.25\n2,\n");
        String name = "</script><script>alert('\"&\\')</script>";
        Files.writeString(
                work.resolve("hardest-pairs.tsv"),
                "kind\tdistance\tidentity\tfile\tidentity\tfile\ndifferent\t0.5\t" + name + "\t" + photograph
                        + "\tbob\tgone.png\n");
        Files.writeString(
                work.resolve("label-noise.tsv"),
                "share\tbatches\tlabelled\tlooksLike\tfile\n1\t4\t" + name + "\tb\tc\n");
        Files.writeString(
                work.resolve("identity-pairs.tsv"), "share\timages\tidentity\tidentity\n0.5\t40\t" + name + "\tbob\n");
        String page = Files.readString(HtmlReport.write(work));
        assertThat(page).doesNotContain("alert('\"").doesNotContain("</script><script>alert");
        assertThat(page.split("</script>", -1)).hasSize(3); // the data and the program
        assertThat(page).contains("\\u003c/script\\u003e\\u003cscript\\u003ealert('\\u0022\\u0026\\u005c')");
        assertThat(page).contains("data:image/png;base64,").contains("\"meanLoss\":[0.25,null]");
        // Nothing is fetched from anywhere.
        assertThat(page)
                .contains("default-src 'none'")
                .doesNotContain("src=\"http")
                .doesNotContain("@import");
    }

    @Test
    void aFolderWithoutMetricsIsRefused(@TempDir Path work) {
        assertThatThrownBy(() -> HtmlReport.write(work)).isInstanceOf(IOException.class);
    }
}
