package org.openface.nn4.internal.engine.onednn;

import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.engine.EngineProvider;
import org.openface.nn4.internal.engine.Executor;
import org.openface.nn4.internal.engine.host.HostExecutor;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.PlanText;

/** oneDNN, on the CPU; needs nothing of ND4J. */
public final class OneDnnEngine implements EngineProvider {
    @Override
    public String name() {
        return "oneDNN";
    }

    @Override
    public @Nullable String obstacle() {
        return OneDnn.obstacle();
    }

    @Override
    public Executor create(Architecture architecture, int embeddingSize) {
        return new HostExecutor(
                new OneDnnRunner(PlanText.of(architecture, embeddingSize)), architecture, embeddingSize);
    }
}
