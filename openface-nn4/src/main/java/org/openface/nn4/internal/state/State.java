package org.openface.nn4.internal.state;

import org.openface.nn4.internal.network.Parameters;

/**
 * All that a training changes. An engine whose values lie elsewhere fetches each part when it is asked for it, and no more
 * than once for one version.
 */
public interface State {
    /** The weights that are trained, and the running statistics. */
    Parameters parameters();

    /** What the optimiser remembers, with the average of the weights where one is kept. */
    OptimizerMemory memory();

    /** What embeds: the average where one is kept, else the weights that are trained. */
    default Parameters embedding() {
        return memory().average().orElseGet(this::parameters);
    }

    /** A state that is all there. */
    static State of(Parameters parameters, OptimizerMemory memory) {
        return new Plain(parameters, memory);
    }

    /** As {@link #of}. */
    record Plain(Parameters parameters, OptimizerMemory memory) implements State {}
}
