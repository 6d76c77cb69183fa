package org.openface.triplet.mining;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.io.Resources;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.openface.triplet.internal.cuda.CudaDevice;

/** The compiled kernels, as text. */
class CudaKernelTest {
    static final Path SOURCE = Path.of("src/main/cuda/mining.cu");
    private static final URL COMPILED = Resources.getResource(CudaDevice.class, "mining.ptx");

    @Test
    void theCompiledKernelsAreThoseOfTheSource() throws Exception {
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(SOURCE));
        List<String> compiled = Resources.readLines(COMPILED, UTF_8);
        assertThat(compiled.get(0))
                .as("run src/main/cuda/compile.sh after a change of mining.cu")
                .isEqualTo("// source sha256 " + HexFormat.of().formatHex(hash));
        assertThat(compiled).contains(".version 6.5", ".target sm_75");
    }

    @Test
    void twoBlocksOfComparisonsFitOnAMultiprocessor() throws Exception {
        String compiled = Resources.toString(COMPILED, UTF_8);
        int kernel = compiled.indexOf(".entry compare_tiles(");
        String comparing = compiled.substring(kernel, compiled.indexOf("\n}\n", kernel));
        // The driver's compiler then bounds the registers; of shared memory Turing has 64 KiB.
        assertThat(comparing).contains(".maxntid 256, 1, 1", ".minnctapersm 2");
        int shared = Pattern.compile("\\.shared .*\\[(\\d+)];")
                .matcher(comparing)
                .results()
                .mapToInt(declared -> Integer.parseInt(declared.group(1)))
                .sum();
        assertThat(shared).isBetween(1, 32 * 1024);
    }

    @Test
    void theDriverMayNotFuseWhatIsRoundedInJava() throws Exception {
        String compiled = Resources.toString(COMPILED, UTF_8);
        // Without a rounding mode the driver's compiler is free to contract; and a fused double would differ from
        // Java's.
        assertThat(Pattern.compile("(add|sub|mul|mad)\\.f(32|64)")
                        .matcher(compiled)
                        .find())
                .isFalse();
        assertThat(compiled).contains("fma.rn.f32", "mul.rn.f64").doesNotContain("fma.rn.f64", ".ftz", ".approx");
    }
}
