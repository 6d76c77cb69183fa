package org.openface.nn4.internal.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.openface.nn4.ForkedJvm;
import org.openface.nn4.Nn4Model;
import org.openface.nn4.PyTorchComparisonTest;
import org.openface.nn4.internal.engine.host.Runner;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Lowering;
import org.openface.nn4.internal.network.Nn4Graph;
import org.openface.nn4.internal.network.Plan;

/** The code for processors with fewer instructions than this one, held to the same bounds. */
@Tag("native")
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64|x86_64")
class InstructionSetTest {
    /** Compares the networks that the arguments name. */
    public static final class Compare {
        private Compare() {}

        public static void main(String... arguments) {
            for (String argument : arguments) {
                Nn4Model.Variant variant = Nn4Model.Variant.valueOf(argument);
                Architecture architecture = Architecture.named(argument).orElseThrow();
                Plan plan = Lowering.of(new Nn4Graph(architecture, 128, true).sameDiff());
                try (Runner executor = new OneDnnRunner(plan)) {
                    PyTorchComparisonTest.compare(variant, executor);
                    System.out.println(variant + " is as in PyTorch on " + executor.name() + ", channels in blocks of "
                            + OneDnn.blockSize());
                }
            }
        }
    }

    private static void assertAsInPyTorch(String instructions, String named, String... variants) throws Exception {
        String output =
                ForkedJvm.run(Compare.class, List.of("-Xmx1g"), Map.of("DNNL_MAX_CPU_ISA", instructions), variants);
        assertThat(Arrays.asList(variants)).allSatisfy(variant -> assertThat(output)
                .contains(variant + " is as in PyTorch on onednn-" + named + ", channels in blocks of 8"));
    }

    @Test
    void avx2() throws Exception {
        assertAsInPyTorch("AVX2", "avx2", "NN4_SMALL2");
    }

    @Test
    @Tag("soak")
    void avx2InAllNetworksAndOlderProcessors() throws Exception {
        assertAsInPyTorch("AVX2", "avx2", "NN4", "NN4_SMALL1", "NN4_SMALL2_V1", "NN2");
        assertAsInPyTorch("AVX", "avx", "NN4_SMALL2");
        assertAsInPyTorch("SSE41", "sse41", "NN4_SMALL2");
    }
}
