package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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
}
