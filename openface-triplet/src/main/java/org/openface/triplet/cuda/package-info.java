/**
 * Mining and gradients on NVIDIA's GPUs, through the driver alone: kernels are compiled by it from PTX, and called by way of
 * JNA. In terms of arrays and bits, and for {@link org.openface.triplet} alone: users choose a device by {@code
 * org.openface.triplet.MiningDevice}.
 */
@NullMarked
package org.openface.triplet.cuda;

import org.jspecify.annotations.NullMarked;
