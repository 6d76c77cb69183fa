package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openface.nn4.Architecture.Convolution;

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
}
