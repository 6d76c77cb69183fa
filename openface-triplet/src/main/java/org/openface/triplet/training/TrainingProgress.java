package org.openface.triplet.training;

import java.time.Duration;

/**
 * How far a training is. Epochs and batches count from 1.
 *
 * @param epoch the epoch under way
 * @param epochs the last epoch
 * @param batch the last batch trained, 0 before the first
 * @param batches batches in an epoch
 * @param loss loss over the triplets chosen in that batch; NaN if there were none
 * @param remaining time until the last epoch ends, at the mean speed since the start
 */
public record TrainingProgress(int epoch, int epochs, int batch, int batches, double loss, Duration remaining) {}
