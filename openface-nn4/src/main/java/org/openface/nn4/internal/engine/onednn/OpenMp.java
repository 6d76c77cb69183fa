package org.openface.nn4.internal.engine.onednn;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.Loader;
import org.openface.nn4.internal.engine.ComputeThreads;

/**
 * Has oneDNN compute on the wanted number of threads. oneDNN has no setting of its own: it computes with OpenMP, whose
 * library JavaCPP has loaded with it.
 */
final class OpenMp {
    private static final System.Logger LOG = System.getLogger(OpenMp.class.getName());

    /** GNU's, Intel's, LLVM's, Microsoft's. */
    private static final Pattern LIBRARY = Pattern.compile("lib(g|i)?omp(5md|5)?[.].*|libomp[.].*|vcomp[0-9]*[.]dll");

    private OpenMp() {}

    /**
     * Sets it for what the calling thread starts, where OpenMP would take another by itself: it reads {@code
     * OMP_NUM_THREADS}, but knows of no container's quota.
     *
     * @return the number that it then computes on
     */
    static int setForThisThread() {
        int wanted = ComputeThreads.wanted();
        if (ComputeThreads.isSet() || wanted == Loader.totalProcessors()) {
            return wanted;
        }
        try {
            Optional<String> file = Loader.getLoadedLibraries().values().stream()
                    .filter(path -> LIBRARY.matcher(Path.of(path).getFileName().toString())
                            .matches())
                    .findFirst();
            if (file.isPresent()) {
                NativeLibrary library = NativeLibrary.getInstance(file.get());
                library.getFunction("omp_set_num_threads", Function.C_CONVENTION)
                        .invokeVoid(new Object[] {wanted});
                return library.getFunction("omp_get_max_threads").invokeInt(new Object[0]);
            }
        } catch (LinkageError e) { // JNA may be left out
            LOG.log(System.Logger.Level.DEBUG, "OpenMP cannot be told how many threads to use", e);
        }
        LOG.log(
                System.Logger.Level.WARNING,
                "this process may use {0} of {1} processors, which oneDNN does not know; set OMP_NUM_THREADS={0}",
                wanted,
                Loader.totalProcessors());
        return Loader.totalProcessors();
    }
}
