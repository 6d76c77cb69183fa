package org.openface.nn4;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openface.nn4.internal.network.Parameters;
import org.w3c.dom.Document;

class ModelSummaryTest {
    @ParameterizedTest
    @EnumSource(Nn4Model.Variant.class)
    void countsWhatTheNetworkHas(Nn4Model.Variant variant) {
        assertThat(ModelSummary.of(variant, 128).parameters())
                .isEqualTo(Parameters.zeros(variant.architecture().tensors(128)).trainedCount());
    }

    @Test
    void isATable() {
        ModelSummary summary = ModelSummary.of(Nn4Model.Variant.NN4_SMALL2, 128);
        assertThat(summary.toString().lines())
                .contains(
                        "block          output             parameters          FLOPs",
                        // 2 · 7·7·3·64 · 48²
                        "conv1          48 x 48 x 64            9,600     43,352,064",
                        "pool1          24 x 24 x 64                0              0",
                        // weights 736·96 + 96·384·9 + 736·96 + 736·256 = 661,504; and 3 for each of 832 channels
                        "inception_5b   3 x 3 x 736           664,000     11,907,072",
                        "dense          128                    94,336        188,416")
                .hasSize(20);
    }

    @Test
    void isAPicture() {
        String dot = ModelSummary.of(Nn4Model.Variant.NN4_SMALL2, 128).toDot();
        assertThat(dot).startsWith("digraph NN4_SMALL2 {").endsWith("}\n");
        assertThat(dot.lines())
                .contains("  \"inception_3b\" -> \"inception_3c max 3x3 / 2\" -> \"inception_3c\";")
                .contains("  \"mean\" -> \"dense\";");
    }

    @Test
    void isAPictureForABrowser() throws Exception {
        ModelSummary summary = ModelSummary.of(Nn4Model.Variant.NN4_SMALL2, 128);
        Document svg = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(summary.toSvg().getBytes(UTF_8)));
        int branches =
                summary.rows().stream().mapToInt(row -> row.branches().size()).sum();
        assertThat(branches).isEqualTo(4 + 4 + 3 + 4 + 3 + 3 + 3);
        // The background, the input, and a box for each block and branch; two lines for a branch, one into a plain
        // block.
        assertThat(svg.getElementsByTagName("rect").getLength())
                .isEqualTo(2 + summary.rows().size() + branches);
        assertThat(svg.getElementsByTagName("path").getLength())
                .isEqualTo(summary.rows().size() - 7 + 2 * branches);
        assertThat(summary.toSvg()).contains(">inception_3a<", ">3 × 3 × 736, 664,000 parameters<", ">3x3 256 / 2<");
    }
}
