package org.openface.nn4.internal.engine.samediff;

import static com.google.common.base.Preconditions.checkState;

import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.SortedSet;
import java.util.TreeSet;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.factory.Nd4jBackend;

/** The ND4J backend that the application chose. */
final class Backend {
    private static final String ADD = "add org.nd4j:nd4j-native:1.0.0-M2.1 with the classifier of your system such as"
            + " linux-x86_64-onednn (CPU), or org.nd4j:nd4j-cuda-11.6:1.0.0-M2.1 (GPU)";

    private static final String CPU = "org.nd4j.linalg.cpu.nativecpu.CpuBackend";

    private Backend() {}

    /** Why ND4J cannot compute here, with what to add or to leave out; null where it can. Starts it. */
    static @Nullable String obstacle() {
        SortedSet<String> names = names();
        if (names.isEmpty()) {
            return "no ND4J backend on the class path; " + ADD;
        }
        if (names.size() > 1) {
            return moreThanOne(names);
        }
        try {
            Nd4j.getBackend();
            return null;
        } catch (LinkageError e) {
            Throwable root = e;
            while (root.getCause() != null) {
                root = root.getCause();
            }
            return "the ND4J backend on the class path does not start; " + ADD + ": " + root;
        }
    }

    /** Refuses more than one backend, started or not. */
    static void requireNoSecond() {
        SortedSet<String> names = names();
        checkState(names.size() <= 1, moreThanOne(names));
    }

    private static String moreThanOne(SortedSet<String> names) {
        return "more than one ND4J backend on the class path, and which one would run is chance: " + names
                + "; leave all but one out (org.nd4j:nd4j-native for the CPU, org.nd4j:nd4j-cuda-11.6 for the GPU)";
    }

    /** Whether there is a backend, and it is not the CPU's. Starts nothing. */
    static boolean isGpu() {
        SortedSet<String> names = names();
        return !names.isEmpty() && !names.contains(CPU);
    }

    /** Whether ND4J computes on the CPU, with the backend that {@link #obstacle} has started. */
    static boolean isCpu() {
        return Nd4j.getBackend().getEnvironment().isCPU();
    }

    /** The backends on the class path; starts none of them. */
    private static SortedSet<String> names() {
        SortedSet<String> names = new TreeSet<>();
        try {
            ServiceLoader.load(Nd4jBackend.class).stream()
                    .forEach(provider -> names.add(provider.type().getName()));
        } catch (NoClassDefFoundError e) {
            return names; // nothing of ND4J is here
        } catch (ServiceConfigurationError e) {
            throw new IllegalStateException("an ND4J backend on the class path is not whole; " + ADD, e);
        }
        return names;
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
