package org.openface.triplet.training;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.sampling.Centres;

/**
 * Where identities lie, for samplers that ask for it: of each a running mean of the embeddings that batches have shown, and what it was
 * when the epoch under way began, which is what the sampler is told. Of no identities where none asks.
 */
final class RunningCentres {
    /** Share of what was known that a batch leaves. */
    private static final float KEPT = 0.5f;

    private final int identities;
    private final int dimension;
    private float[] now;
    private boolean[] known;
    private float[] atStart;
    private boolean[] knownAtStart;

    RunningCentres(int identities, int dimension) {
        this.identities = identities;
        this.dimension = dimension;
        now = new float[identities * dimension];
        known = new boolean[identities];
        atStart = now.clone();
        knownAtStart = known.clone();
    }

    /** Takes in a batch. */
    void add(EmbeddingBatch batch, int[] theirIdentities) {
        if (identities == 0) {
            return;
        }
        Map<Integer, double[]> sums = new HashMap<>();
        Map<Integer, Integer> counts = new HashMap<>();
        for (int i = 0; i < theirIdentities.length; i++) {
            double[] sum = sums.computeIfAbsent(theirIdentities[i], person -> new double[dimension]);
            counts.merge(theirIdentities[i], 1, Integer::sum);
            for (int k = 0; k < dimension; k++) {
                sum[k] += batch.values()[i * dimension + k];
            }
        }
        sums.forEach((person, sum) -> {
            float kept = known[person] ? KEPT : 0;
            int count = counts.getOrDefault(person, 1);
            for (int k = 0; k < dimension; k++) {
                int at = person * dimension + k;
                now[at] = kept * now[at] + (1 - kept) * (float) (sum[k] / count);
            }
            known[person] = true;
        });
    }

    void beginEpoch() {
        atStart = now.clone();
        knownAtStart = known.clone();
    }

    Centres atStart() {
        return new Centres(new EmbeddingBatch(dimension, atStart), knownAtStart);
    }

    void write(DataOutputStream out) throws IOException {
        write(now, known, out);
        write(atStart, knownAtStart, out);
    }

    private static void write(float[] values, boolean[] which, DataOutputStream out) throws IOException {
        for (boolean each : which) {
            out.writeBoolean(each);
        }
        for (float value : values) {
            out.writeFloat(value);
        }
    }

    void read(DataInputStream in) throws IOException {
        read(now, known, in);
        read(atStart, knownAtStart, in);
    }

    private static void read(float[] values, boolean[] which, DataInputStream in) throws IOException {
        for (int i = 0; i < which.length; i++) {
            which[i] = in.readBoolean();
        }
        for (int i = 0; i < values.length; i++) {
            values[i] = in.readFloat();
        }
    }
}
