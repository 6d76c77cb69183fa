package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.Convolution;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;

class ArchitectureTest {
    /** The counts in the heads of OpenFace's .def.lua files. */
    @ParameterizedTest
    @CsvSource({"NN4, 6959088", "NN4_SMALL1, 5579520", "NN4_SMALL2, 3733968", "NN4_SMALL2_V1, 3733968", "NN2, 7472144"})
    void hasAsManyParametersAsOpenFaceSays(Nn4Model.Variant variant, long count) {
        Parameters parameters = Parameters.zeros(variant.architecture().tensors(128));
        assertThat(parameters.trainedCount()).isEqualTo(count);
    }

    @Test
    void endsInTheFeaturesOfTheDefinitionFiles() {
        assertThat(Architecture.NN4_SMALL2.features()).isEqualTo(736);
        assertThat(Architecture.NN4.features()).isEqualTo(896);
        assertThat(Architecture.NN2.features()).isEqualTo(1024);
    }

    @Test
    void shrinksFrom96To3() {
        List<Integer> sides = Architecture.NN4_SMALL2.convolutions().stream()
                .filter(c -> c.kernel() > 1)
                .map(Convolution::side)
                .toList();
        // conv1, conv3, then 3x3 and 5x5 of 3a, 3b, 3c, 4a, 4e and 3x3 of 5a, 5b
        assertThat(sides).containsExactly(48, 24, 12, 12, 12, 12, 6, 6, 6, 6, 3, 3, 3, 3);
    }

    @Test
    void thePublishedNetworkPoolsToSmallerMaps() {
        List<Integer> pooled = Architecture.NN4_SMALL2_V1.convolutions().stream()
                .filter(c -> c.name().endsWith(".pool"))
                .map(Convolution::side)
                .toList();
        assertThat(pooled).containsExactly(5, 4, 2, 1, 1); // 3a, 3b, 4a, 5a, 5b
        assertThat(Architecture.NN4_SMALL2_V1.tensors(128)).isEqualTo(Architecture.NN4_SMALL2.tensors(128));
    }

    @Test
    void startsFromTheSeedAndOnlyFromIt() {
        var specs = Architecture.NN4_SMALL2.tensors(128);
        assertThat(Parameters.initial(specs, 2).hash())
                .isEqualTo(Parameters.initial(specs, 2).hash())
                .isNotEqualTo(Parameters.initial(specs, 3).hash());
        float[] conv1 = Parameters.initial(specs, 2).get("conv1.weight");
        float bound = (float) (1 / Math.sqrt(3 * 7 * 7));
        float largest = 0;
        for (float w : conv1) {
            largest = Math.max(largest, Math.abs(w));
        }
        assertThat(largest).isBetween(0.99f * bound, bound);
    }

    /** Uniform weights of two seeds in common, at any shift: as for numbers that have nothing to do with each other. */
    @Test
    void seedsAndTensorsShareNoWeights() {
        List<TensorSpec> specs = List.of(
                new TensorSpec("a.weight", List.of(1, 1000), true), new TensorSpec("b.weight", List.of(1, 1000), true));
        Set<Float> seen = new HashSet<>();
        int drawn = 0;
        for (long seed : new long[] {-1, 0, 1, 2, 3, 0x9E3779B97F4A7C15L}) {
            for (TensorSpec spec : specs) {
                for (float weight : Parameters.initial(specs, seed).get(spec.name())) {
                    seen.add(weight);
                    drawn++;
                }
            }
        }
        // 12,000 of the 2^24 or more floats in the range: about 4 of them twice by chance.
        assertThat(seen).hasSizeGreaterThan(drawn - 30);
    }
}
