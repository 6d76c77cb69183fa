package org.openface.nn4.internal.engine;

import com.google.common.base.Splitter;
import com.google.common.primitives.Ints;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.factory.Nd4j;
import org.openface.nn4.internal.engine.samediff.Backend;

/**
 * How many threads native code computes on: what {@code OMP_NUM_THREADS} says, and otherwise the processors that Java sees,
 * which is fewer than the machine's where a container has a quota. OpenMP itself does not look at quotas.
 */
public final class ComputeThreads {
    private ComputeThreads() {}

    /** The number that is wanted. */
    static int wanted() {
        return wanted(System.getenv("OMP_NUM_THREADS"), Runtime.getRuntime().availableProcessors());
    }

    /**
     * As above.
     *
     * @param variable a number, or a list of which the first counts; anything else is as nothing, as for OpenMP
     */
    static int wanted(@Nullable String variable, int processors) {
        if (variable != null) {
            Integer number = Ints.tryParse(
                    Splitter.on(',').trimResults().split(variable).iterator().next());
            if (number != null && number > 0) {
                return number;
            }
        }
        return processors;
    }

    /**
     * Has OpenMP use the wanted number for what the calling thread starts, and says which it then uses. One OpenMP library
     * serves ND4J and oneDNN; only ND4J has a Java method for its setting, and only in the backend of a CPU. With a GPU's
     * backend OpenMP keeps to {@code OMP_NUM_THREADS}, or the processors it sees itself.
     */
    public static int setForThisThread() {
        if (!Backend.isCpu()) {
            return wanted();
        }
        try {
            // By reflection, since the classes come with the backend that the application chose.
            Class<?> holder = Class.forName("org.nd4j.nativeblas.NativeOpsHolder");
            Object natives = holder.getMethod("getDeviceNativeOps")
                    .invoke(holder.getMethod("getInstance").invoke(null));
            Class<?> operations = Class.forName("org.nd4j.nativeblas.NativeOps");
            operations.getMethod("setOmpNumThreads", int.class).invoke(natives, wanted());
            return (Integer) operations.getMethod("ompGetMaxThreads").invoke(natives);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("ND4J's native operations are not those of 1.0.0-M2.1", e);
        }
    }

    /** Has ND4J itself use no more than the wanted number, in the whole process, and says how many it then uses. */
    public static int setForNd4j() {
        if (Nd4j.getEnvironment().maxMasterThreads() > wanted()) {
            Nd4j.getEnvironment().setMaxMasterThreads(wanted());
        }
        return Math.max(1, Nd4j.getEnvironment().maxMasterThreads());
    }
}
