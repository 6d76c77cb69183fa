package org.openface.nn4.internal.engine;

import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.network.Architecture;

/** A kind of engine. Nothing of it is loaded before one of these methods is called. */
public interface EngineProvider {
    /** What runs the network, for messages, such as {@code oneDNN}. */
    String name();

    /** Why it cannot run here in that precision, with what to do; null where it can. May load its native library. */
    @Nullable
    String obstacle(Precision precision);

    /** An executor for a network. */
    Executor create(Architecture architecture, int embeddingSize, Precision precision);
}
