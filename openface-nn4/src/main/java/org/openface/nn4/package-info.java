/**
 * The nn4 networks. {@link org.openface.nn4.Nn4Model} is all that users need.
 *
 * <p>How the package is cut: {@code Architecture} says what the networks are made of, {@code Nn4Graph} writes that down
 * as a SameDiff graph, {@code Parameters} holds the weights in plain arrays that every executor reads, an
 * {@code Executor} runs the graph forwards and backwards, {@code UpdateRule} turns gradients into new weights.
 * {@code ModelFile} is the format on disk; {@code ModelFormats} tells it from those of other programs:
 * {@code Safetensors}, and Torch7's, of which {@code TorchFile} knows the bytes and {@code TorchNetwork} the modules.
 * {@code OnnxFile} is written only.
 */
@NullMarked
package org.openface.nn4;

import org.jspecify.annotations.NullMarked;
