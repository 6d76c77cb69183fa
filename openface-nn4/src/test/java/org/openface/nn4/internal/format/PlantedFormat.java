package org.openface.nn4.internal.format;

import org.openface.nn4.ModelPassport;
import org.openface.nn4.internal.engine.Executor;

/** Classes that each break one rule about this package, which is to notice. */
@SuppressWarnings("unused")
public final class PlantedFormat {
    private PlantedFormat() {}

    public interface KnowsTheModel {
        ModelPassport passport();
    }

    public interface KnowsAnEngine {
        Executor executor();
    }
}
