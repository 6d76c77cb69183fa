package org.openface.nn4.internal.engine.host;

import java.util.ArrayList;
import java.util.List;
import org.openface.nn4.internal.network.Architecture.TensorSpec;

/**
 * A part of a tensor's values, for one thread at a time. Where tensors are cut depends on nothing but their sizes, so that
 * sums over slices are the same on any number of threads.
 *
 * @param to the place after the last
 */
record Slice(TensorSpec tensor, int from, int to) {
    /** Values that stay in a core's cache, with as many of four arrays more. */
    private static final int MOST = 1 << 15;

    /** The slices of tensors, in order. */
    static List<Slice> of(List<TensorSpec> tensors) {
        List<Slice> slices = new ArrayList<>();
        for (TensorSpec tensor : tensors) {
            for (int from = 0; from < tensor.length(); from += MOST) {
                slices.add(new Slice(tensor, from, Math.min(tensor.length(), from + MOST)));
            }
        }
        return slices;
    }
}
