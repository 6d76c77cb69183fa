package org.openface.triplet.internal.checkpoint;

import java.util.ArrayList;
import java.util.List;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import org.openface.triplet.internal.checkpoint.Checkpoint.Place;

/**
 * Which checkpoints stay: the newest of whole epochs, every n-th epoch's and the best epoch's; of those within an epoch
 * the newest ones that are newer than any whole epoch's.
 *
 * @param last how many of the newest
 * @param every epochs whose number is a multiple of it; 0 for none
 */
public record Retention(int last, int every) {
    /**
     * Those to delete once a checkpoint is written: none that is farther than that one, for which a run has gone back past
     * damage, and never that one.
     *
     * @param damaged those known to be of no use, which do not count among the newest
     * @param best the best epoch, if it is to stay
     */
    List<Place> superfluous(NavigableSet<Place> places, Place written, Set<Place> damaged, Optional<Integer> best) {
        List<Place> out = new ArrayList<>();
        int whole = 0;
        int within = 0;
        for (Place place : places.headSet(written, true).descendingSet()) {
            boolean good = !damaged.contains(place);
            boolean keep;
            if (place.batch() > 0) {
                within += good ? 1 : 0;
                keep = good && whole == 0 && within <= last;
            } else {
                whole += good ? 1 : 0;
                keep = (good && whole <= last)
                        || (every > 0 && place.epoch() % every == 0)
                        || best.equals(Optional.of(place.epoch()));
            }
            if (!keep) {
                out.add(place);
            }
        }
        return out;
    }
}
