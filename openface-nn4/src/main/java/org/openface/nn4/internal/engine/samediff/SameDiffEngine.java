package org.openface.nn4.internal.engine.samediff;

import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.engine.EngineProvider;
import org.openface.nn4.internal.engine.Executor;
import org.openface.nn4.internal.engine.Precision;
import org.openface.nn4.internal.engine.host.HostExecutor;
import org.openface.nn4.internal.network.Architecture;

/** ND4J's own session, with the one backend that the application chose. */
public final class SameDiffEngine implements EngineProvider {
    private static final System.Logger LOG = System.getLogger(SameDiffEngine.class.getName());

    /** Whether the application's backend of ND4J computes on a GPU. */
    public static boolean hasGpuBackend() {
        return Backend.isGpu();
    }

    /** Refuses more than one backend, as which one would run is chance. */
    public static void requireNoSecondBackend() {
        Backend.requireNoSecond();
    }

    @Override
    public String name() {
        return "ND4J";
    }

    @Override
    public @Nullable String obstacle(Precision precision) {
        return precision == Precision.FLOAT32 ? Backend.obstacle() : "ND4J's session runs it in float32 only";
    }

    @Override
    public Executor create(Architecture architecture, int embeddingSize, Precision precision) {
        String slow = Backend.slowBuild();
        if (slow != null) {
            LOG.log(System.Logger.Level.WARNING, slow);
        }
        return new HostExecutor(new SameDiffRunner(architecture, embeddingSize), architecture, embeddingSize);
    }
}
