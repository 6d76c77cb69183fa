package org.openface.nn4;

import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.openface.nn4.Nn4Model.Engine;
import org.openface.nn4.internal.engine.EngineProvider;
import org.openface.nn4.internal.engine.Executor;
import org.openface.nn4.internal.engine.Precision;
import org.openface.nn4.internal.engine.onednn.OneDnnEngine;
import org.openface.nn4.internal.engine.samediff.SameDiffEngine;
import org.openface.nn4.internal.network.Architecture;

/** The engines there are, and which one is taken. Only that one's libraries are loaded. */
final class Engines {
    private static final System.Logger LOG = System.getLogger(Nn4Model.class.getName());

    private static final Map<Engine, EngineProvider> PROVIDERS =
            new EnumMap<>(Map.of(Engine.ONEDNN, new OneDnnEngine(), Engine.SAMEDIFF, new SameDiffEngine()));

    private Engines() {}

    /**
     * What runs a network.
     *
     * @throws IllegalStateException if the wanted engine, or every one, cannot run here, saying what to add
     */
    static Executor create(Engine wanted, Precision precision, Architecture architecture, int embeddingSize) {
        if (wanted != Engine.AUTO) {
            EngineProvider provider = provider(wanted);
            String obstacle = provider.obstacle(precision);
            checkState(obstacle == null, "the network cannot run on %s: %s", provider.name(), obstacle);
            return create(provider, precision, architecture, embeddingSize);
        }
        SameDiffEngine.requireNoSecondBackend();
        boolean gpu = SameDiffEngine.hasGpuBackend();
        List<String> obstacles = new ArrayList<>();
        for (Engine engine : gpu ? List.of(Engine.SAMEDIFF) : List.of(Engine.ONEDNN, Engine.SAMEDIFF)) {
            EngineProvider provider = provider(engine);
            String obstacle = provider.obstacle(precision);
            if (obstacle == null) {
                if (!obstacles.isEmpty()) {
                    LOG.log(
                            System.Logger.Level.WARNING,
                            "the network runs on {0}, several times slower: {1}",
                            provider.name(),
                            obstacles.get(0));
                }
                return create(provider, precision, architecture, embeddingSize);
            }
            obstacles.add(obstacle);
        }
        throw new IllegalStateException("nothing here can run the network: " + String.join("; ", obstacles));
    }

    /** Begins to load, beside what the caller does meanwhile, the native library that {@link #create} will most likely want. */
    static void prepare(Engine wanted) {
        Thread loading = new Thread(
                () -> {
                    if (wanted == Engine.ONEDNN || (wanted == Engine.AUTO && !SameDiffEngine.hasGpuBackend())) {
                        provider(Engine.ONEDNN).obstacle(Precision.FLOAT32);
                    }
                },
                "openface-onednn");
        loading.setDaemon(true);
        loading.start();
    }

    /** Starts ND4J, for its graph. */
    static void requireNd4j() {
        String obstacle = provider(Engine.SAMEDIFF).obstacle(Precision.FLOAT32);
        checkState(obstacle == null, "a SameDiff graph needs ND4J: %s", obstacle);
    }

    private static Executor create(
            EngineProvider provider, Precision precision, Architecture architecture, int embeddingSize) {
        Executor executor = provider.create(architecture, embeddingSize, precision);
        LOG.log(
                System.Logger.Level.INFO,
                "the network runs on {0}{1}",
                provider.name(),
                precision == Precision.FLOAT32 ? "" : ", training in bfloat16");
        return executor;
    }

    private static EngineProvider provider(Engine engine) {
        return requireNonNull(PROVIDERS.get(engine));
    }
}
