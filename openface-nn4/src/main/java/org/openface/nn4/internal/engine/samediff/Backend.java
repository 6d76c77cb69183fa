package org.openface.nn4.internal.engine.samediff;

import static com.google.common.base.Preconditions.checkState;

import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeSet;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.factory.Nd4jBackend;

/** The ND4J backend that the application chose. */
public final class Backend {
    private static final String ADD = "add org.nd4j:nd4j-native:1.0.0-M2.1 with the classifier of your system such as"
            + " linux-x86_64-onednn (CPU), or org.nd4j:nd4j-cuda-11.6:1.0.0-M2.1 (GPU)";

    private Backend() {}

    /**
     * Starts ND4J, or says what to add or to leave out.
     *
     * @throws IllegalStateException if there is no backend, more than one, or the one cannot be started
     */
    public static void require() {
        requireOne();
        try {
            Nd4j.getBackend();
        } catch (LinkageError e) {
            Throwable root = e;
            while (root.getCause() != null) {
                root = root.getCause();
            }
            throw new IllegalStateException(
                    "the ND4J backend on the class path does not start; " + ADD + ": " + root, e);
        }
    }

    /** Whether ND4J computes on the CPU, with the backend that {@link #require} has started. */
    public static boolean isCpu() {
        return isCpu(Nd4j.getBackend());
    }

    public static boolean isCpu(Nd4jBackend backend) {
        return backend.getEnvironment().isCPU();
    }

    private static void requireOne() {
        TreeSet<String> backends = new TreeSet<>();
        try {
            ServiceLoader.load(Nd4jBackend.class).stream()
                    .forEach(provider -> backends.add(provider.type().getName()));
        } catch (ServiceConfigurationError e) {
            throw new IllegalStateException("an ND4J backend on the class path is not whole; " + ADD, e);
        }
        checkState(!backends.isEmpty(), "no ND4J backend on the class path; %s", ADD);
        checkState(
                backends.size() == 1,
                "more than one ND4J backend on the class path, and which one would run is chance: %s; leave all but one out"
                        + " (org.nd4j:nd4j-native for the CPU, org.nd4j:nd4j-cuda-11.6 for the GPU)",
                backends);
    }

    /** What to add for a faster native library; null where there is none, or it is there. */
    public static @Nullable String slowBuild() {
        String platform = Loader.getPlatform();
        String folder = "/org/nd4j/linalg/cpu/nativecpu/bindings/" + platform;
        String library = "/" + System.mapLibraryName("jnind4jcpu");
        List<String> faster = List.of("-onednn", "-onednn-avx2", "-onednn-avx512");
        boolean slow = Backend.class.getResource(folder + library) != null;
        boolean fast =
                faster.stream().anyMatch(extension -> Backend.class.getResource(folder + extension + library) != null);
        return slow && !fast && platform.endsWith("-x86_64") // of ND4J M2.1 there is no other build for ARM
                ? "ND4J's native library is the build without oneDNN, several times slower; add <dependency><groupId>org.nd4j"
                        + "</groupId><artifactId>nd4j-native</artifactId><version>1.0.0-M2.1</version><classifier>"
                        + platform + "-onednn</classifier></dependency>"
                : null;
    }
}
