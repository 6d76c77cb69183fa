package org.openface.core.embedding;

import java.util.Collections;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;
import org.openface.core.image.AlignmentProfile;

/**
 * What a training tells its network, for whoever uses the network later: how the faces were aligned, which distance tells
 * two people apart, and where the weights come from. Counts and hashes only, never names or paths: a network is passed on
 * to people who must not learn whose faces it was trained on.
 *
 * @param alignment how the training faces were aligned, if that is known
 * @param threshold squared distance up to which two faces count as one person, by the evaluation of the present weights;
 *     empty if they have not been evaluated
 * @param thresholdConfidence half the width of the 95 % confidence interval around {@code threshold}
 * @param counts such as {@code images}
 * @param hashes such as {@code trainingSet}: hexadecimal digests
 */
public record TrainingRecord(
        Optional<AlignmentProfile> alignment,
        OptionalDouble threshold,
        OptionalDouble thresholdConfidence,
        SortedMap<String, Long> counts,
        SortedMap<String, String> hashes) {
    public TrainingRecord {
        counts = Collections.unmodifiableSortedMap(new TreeMap<>(counts));
        hashes = Collections.unmodifiableSortedMap(new TreeMap<>(hashes));
    }
}
