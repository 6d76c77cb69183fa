package org.openface.triplet;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.NavigableSet;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.triplet.Checkpoint.Place;

/**
 * Which checkpoints stay: the newest of whole epochs, every n-th epoch's and the best epoch's; of those within an epoch
 * the newest ones that are newer than any whole epoch's.
 *
 * @param last how many of the newest
 * @param every epochs whose number is a multiple of it; 0 for none
 * @param best figure of which the highest value is the best; {@code null} for none
 */
record Retention(int last, int every, @Nullable String best) {
    /** Those to delete. */
    List<Place> superfluous(NavigableSet<Place> places, List<EpochMetrics> history) {
        Optional<Integer> bestEpoch = bestEpoch(history);
        List<Place> out = new ArrayList<>();
        int whole = 0;
        int within = 0;
        for (Place place : places.descendingSet()) {
            boolean keep;
            if (place.batch() > 0) {
                within++;
                keep = whole == 0 && within <= last;
            } else {
                whole++;
                keep = whole <= last
                        || (every > 0 && place.epoch() % every == 0)
                        || bestEpoch.equals(Optional.of(place.epoch()));
            }
            if (!keep) {
                out.add(place);
            }
        }
        return out;
    }

    private Optional<Integer> bestEpoch(List<EpochMetrics> history) {
        if (best == null) {
            return Optional.empty();
        }
        // The first of several equally good ones, which had less time to overfit.
        return history.stream()
                .filter(metrics -> metrics.evaluation().containsKey(best))
                .max(Comparator.<EpochMetrics>comparingDouble(
                                metrics -> metrics.evaluation().getOrDefault(best, Double.NEGATIVE_INFINITY))
                        .thenComparing(
                                Comparator.comparingInt(EpochMetrics::epoch).reversed()))
                .map(EpochMetrics::epoch);
    }
}
