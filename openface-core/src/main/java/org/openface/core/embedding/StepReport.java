package org.openface.core.embedding;

import java.util.Optional;

/**
 * What one backward pass and optimiser step did.
 *
 * @param gradientNorm Euclidean norm of all parameter gradients together
 * @param firstNonFinite the first running statistic or parameter, from the network's input on, whose gradient or new
 *     value is NaN or infinite; empty when all is well. When present, the step was not applied: weights and running
 *     statistics are as before. The optimiser's memory is empty if it led to the value.
 */
public record StepReport(double gradientNorm, Optional<String> firstNonFinite) {}
