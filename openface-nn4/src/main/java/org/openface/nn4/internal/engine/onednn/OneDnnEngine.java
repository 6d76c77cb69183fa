package org.openface.nn4.internal.engine.onednn;

import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.engine.EngineProvider;
import org.openface.nn4.internal.engine.Executor;
import org.openface.nn4.internal.engine.Precision;
import org.openface.nn4.internal.engine.host.HostExecutor;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram.Mode;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.PlanText;

/** oneDNN, on the CPU; needs nothing of ND4J. */
public final class OneDnnEngine implements EngineProvider {
    @Override
    public String name() {
        return "oneDNN";
    }

    @Override
    public @Nullable String obstacle(Precision precision) {
        String obstacle = OneDnn.obstacle();
        if (obstacle == null && precision == Precision.BFLOAT16 && !OneDnn.hasBfloat16()) {
            return "this processor (" + OneDnn.instructionSet()
                    + ") does not multiply bfloat16 by itself, and to emulate it is slower than float32; it takes"
                    + " avx512_bf16 or AMX, or Precision.FLOAT32";
        }
        return obstacle;
    }

    @Override
    public Executor create(Architecture architecture, int embeddingSize, Precision precision) {
        Mode mode = precision == Precision.BFLOAT16 ? Mode.TRAINING_BFLOAT16 : Mode.TRAINING;
        return new HostExecutor(
                new OneDnnRunner(PlanText.of(architecture, embeddingSize), mode), architecture, embeddingSize);
    }
}
