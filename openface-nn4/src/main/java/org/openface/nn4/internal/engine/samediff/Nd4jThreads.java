package org.openface.nn4.internal.engine.samediff;

import org.nd4j.linalg.factory.Nd4j;
import org.openface.nn4.internal.engine.ComputeThreads;

/** Has ND4J compute on the wanted number of threads. */
final class Nd4jThreads {
    private Nd4jThreads() {}

    /** Sets it for what the calling thread starts, and for ND4J in the whole process; says how many ND4J then uses. */
    static int set() {
        if (Backend.isCpu()) {
            setOpenMp();
        }
        if (Nd4j.getEnvironment().maxMasterThreads() > ComputeThreads.wanted()) {
            Nd4j.getEnvironment().setMaxMasterThreads(ComputeThreads.wanted());
        }
        return Math.max(1, Nd4j.getEnvironment().maxMasterThreads());
    }

    private static void setOpenMp() {
        try {
            // By reflection, since the classes come with the backend that the application chose.
            Class<?> holder = Class.forName("org.nd4j.nativeblas.NativeOpsHolder");
            Object natives = holder.getMethod("getDeviceNativeOps")
                    .invoke(holder.getMethod("getInstance").invoke(null));
            Class.forName("org.nd4j.nativeblas.NativeOps")
                    .getMethod("setOmpNumThreads", int.class)
                    .invoke(natives, ComputeThreads.wanted());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("ND4J's native operations are not those of 1.0.0-M2.1", e);
        }
    }
}
