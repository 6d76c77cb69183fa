package org.openface.triplet.mining;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.jna.NativeLibrary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** {@code src/test/cuda/driver.cpp}, compiled: NVIDIA's driver with the kernels run on the processor. */
final class FakeDriver {
    static final String NAME = "libfakecuda.so";

    private final Path library;
    private final NativeLibrary functions;

    private FakeDriver(Path library) {
        this.library = library;
        functions = NativeLibrary.getInstance(library.toString());
    }

    /** Compiles it into a folder, if it is not there yet; skips the test where there is no compiler. */
    static FakeDriver compile(Path folder) throws Exception {
        assumeTrue(System.getProperty("os.name").equals("Linux"), "the emulation is written for Linux");
        Path library = folder.resolve(NAME);
        if (Files.exists(library)) {
            return new FakeDriver(library);
        }
        Process compiler;
        try {
            compiler = new ProcessBuilder(
                            "g++",
                            "-std=c++17",
                            "-O2",
                            "-ffp-contract=off",
                            "-Wno-unknown-pragmas",
                            "-fPIC",
                            "-shared",
                            "-fvisibility=hidden",
                            "-DKERNELS=\"" + CudaKernelTest.SOURCE.toAbsolutePath() + "\"",
                            "-o",
                            library.toString(),
                            "src/test/cuda/driver.cpp")
                    .inheritIO()
                    .start();
        } catch (IOException e) {
            assumeTrue(false, "no g++ here");
            throw e;
        }
        assertThat(compiler.waitFor()).isZero();
        return new FakeDriver(library);
    }

    Path library() {
        return library;
    }

    /** One well-behaved GPU. */
    void reset() {
        reset(1, 8, 6, 1L << 30);
    }

    void reset(int devices, int major, int minor, long memory) {
        functions.getFunction("fake_reset").invoke(new Object[] {devices, major, minor, memory});
    }

    /** Lets a function fail, after so many calls that work. */
    void fail(String function, int after, int code) {
        functions.getFunction("fake_fail").invoke(new Object[] {function, after, code});
    }

    /** What a test has made impossible to give back counts no longer. */
    void forgetHeld() {
        functions.getFunction("fake_forget_held").invoke(new Object[0]);
    }

    void makeOtherContextCurrent() {
        functions.getFunction("fake_make_other_context_current").invoke(new Object[0]);
    }

    boolean otherContextIsCurrent() {
        return functions.getFunction("fake_other_context_is_current").invokeInt(new Object[0]) != 0;
    }

    String lastViolation() {
        return functions.getFunction("fake_last_violation").invokeString(new Object[0], false);
    }

    /** What is held of the driver and what was done with it. */
    record Counts(
            long allocations,
            long pinned,
            long contexts,
            long modules,
            long streams,
            long events,
            long launches,
            long violations,
            long allocationsMade,
            long gradients) {
        boolean nothingHeld() {
            return allocations + pinned + contexts + modules + streams + events == 0;
        }
    }

    Counts counts() {
        return counts(functions);
    }

    /** Those of the process that has loaded it. */
    static Counts counts(Path library) {
        return counts(NativeLibrary.getInstance(library.toString()));
    }

    private static Counts counts(NativeLibrary functions) {
        long[] counts = new long[10];
        functions.getFunction("fake_counts").invoke(new Object[] {counts});
        return new Counts(
                counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6], counts[7], counts[8],
                counts[9]);
    }
}
