package org.openface.core.embedding;

import java.util.Optional;

/**
 * What one backward pass and optimiser step did.
 *
 * @param gradientNorm Euclidean norm of all parameter gradients together
 * @param firstNonFinite the first parameter, from the network's input on, whose gradient is NaN or infinite;
 *     empty when all is well. When present, the step was not applied.
 */
public record StepReport(double gradientNorm, Optional<String> firstNonFinite) {}
