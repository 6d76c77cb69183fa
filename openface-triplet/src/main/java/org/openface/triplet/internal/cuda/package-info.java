/**
 * Mining and gradients on NVIDIA's GPUs, through the driver alone: kernels are compiled by it from PTX, and called by way of
 * JNA. In terms of arrays and bits, and for {@link org.openface.triplet.mining} alone: users choose a device by {@code
 * org.openface.triplet.mining.MiningDevice}.
 */
@NullMarked
package org.openface.triplet.internal.cuda;

import org.jspecify.annotations.NullMarked;
