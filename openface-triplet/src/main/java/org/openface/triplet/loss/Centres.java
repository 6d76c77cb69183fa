package org.openface.triplet.loss;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.openface.core.embedding.Optimizer;
import org.openface.core.internal.AddressedRandom;
import org.openface.core.internal.update.UpdateFormula;
import org.openface.triplet.internal.MiningThreads;

/**
 * Rows of parameters that are learnt along with a network, one for each identity, with what the optimiser remembers of them. Kept in
 * shards of some rows, so that no array is of all identities.
 */
final class Centres {
    private static final int ROWS_PER_SHARD = 4096;

    private final int rows;
    private final int width;
    private final float[][] values;
    /** By moment and shard; none before the first step. */
    private List<float[][]> moments = List.of();

    /** The kind of rule that the moments are of. */
    private String rule = "";

    private long steps;

    Centres(int rows, int width) {
        this.rows = rows;
        this.width = width;
        values = shards();
    }

    private float[][] shards() {
        float[][] shards = new float[(rows + ROWS_PER_SHARD - 1) / ROWS_PER_SHARD][];
        for (int s = 0; s < shards.length; s++) {
            shards[s] = new float[Math.min(ROWS_PER_SHARD, rows - s * ROWS_PER_SHARD) * width];
        }
        return shards;
    }

    /** Fills all rows with normal random numbers, each row's depending on seed and row only. */
    void randomise(long seed, double deviation) {
        for (int row = 0; row < rows; row++) {
            AddressedRandom random = AddressedRandom.at(seed, AddressedRandom.hash("centres"), row);
            float[] shard = shard(row);
            int from = begin(row);
            for (int k = 0; k < width; k += 2) {
                // Box and Muller; StrictMath, as the last bits of Math's are each machine's own.
                double radius = deviation * Math.sqrt(-2 * StrictMath.log(1 - random.nextDouble()));
                double turn = 2 * Math.PI * random.nextDouble();
                shard[from + k] = (float) (radius * StrictMath.cos(turn));
                if (k + 1 < width) {
                    shard[from + k + 1] = (float) (radius * StrictMath.sin(turn));
                }
            }
        }
    }

    void fill(float value) {
        for (float[] shard : values) {
            Arrays.fill(shard, value);
        }
    }

    int rows() {
        return rows;
    }

    int width() {
        return width;
    }

    /** The array that holds a row. */
    float[] shard(int row) {
        return values[row / ROWS_PER_SHARD];
    }

    /** Where in its {@link #shard} a row begins. */
    int begin(int row) {
        return row % ROWS_PER_SHARD * width;
    }

    /**
     * Changes some rows by their gradients.
     *
     * @param gradients {@code [changed.length][width]}; overwritten
     * @throws IllegalStateException if a new value is NaN or infinite
     */
    void update(Optimizer optimizer, int[] changed, float[] gradients, double weight) {
        Optimizer plain = UpdateFormula.plain(optimizer);
        String kind = plain.getClass().getSimpleName();
        if (!kind.equals(rule)) {
            rule = kind;
            steps = 0;
            moments = emptyMoments(UpdateFormula.moments(plain));
        }
        steps++;
        MiningThreads.run(MiningThreads.forWork(20.0 * gradients.length), changed.length, () -> {
            float[] p = new float[width];
            float[] g = new float[width];
            List<float[]> own = new ArrayList<>();
            moments.forEach(moment -> own.add(new float[width]));
            return i -> {
                int row = changed[i];
                int at = begin(row);
                System.arraycopy(shard(row), at, p, 0, width);
                for (int k = 0; k < width; k++) {
                    g[k] = (float) (weight * gradients[i * width + k]);
                }
                for (int m = 0; m < own.size(); m++) {
                    System.arraycopy(moments.get(m)[row / ROWS_PER_SHARD], at, own.get(m), 0, width);
                }
                if (!UpdateFormula.apply(plain, steps, true, p, g, own, 0, width)) {
                    throw new IllegalStateException("what is learnt along with the network for identity " + row
                            + " is NaN or infinite after a step with " + plain + "; a lower learning rate may help");
                }
                System.arraycopy(g, 0, shard(row), at, width);
                for (int m = 0; m < own.size(); m++) {
                    System.arraycopy(own.get(m), 0, moments.get(m)[row / ROWS_PER_SHARD], at, width);
                }
            };
        });
    }

    private List<float[][]> emptyMoments(int count) {
        List<float[][]> empty = new ArrayList<>();
        for (int m = 0; m < count; m++) {
            empty.add(shards());
        }
        return empty;
    }

    void write(DataOutputStream out) throws IOException {
        out.writeInt(rows);
        out.writeInt(width);
        out.writeUTF(rule);
        out.writeLong(steps);
        out.writeInt(moments.size());
        write(values, out);
        for (float[][] moment : moments) {
            write(moment, out);
        }
    }

    private static void write(float[][] shards, DataOutputStream out) throws IOException {
        for (float[] shard : shards) {
            ByteBuffer bytes = ByteBuffer.allocate(shard.length * Float.BYTES);
            bytes.asFloatBuffer().put(shard);
            out.write(bytes.array());
        }
    }

    /** @throws IOException if this is of other rows, or ends too early */
    void read(DataInputStream in) throws IOException {
        int itsRows = in.readInt();
        int itsWidth = in.readInt();
        String itsRule = in.readUTF();
        long itsSteps = in.readLong();
        int count = in.readInt();
        if (itsRows != rows || itsWidth != width || count < 0 || count > 2 || itsSteps < 0) {
            throw new IOException("parameters of " + itsRows + " identities x " + itsWidth + " with " + count
                    + " moments in place of those of " + rows + " x " + width);
        }
        read(values, in);
        moments = emptyMoments(count);
        for (float[][] moment : moments) {
            read(moment, in);
        }
        rule = itsRule;
        steps = itsSteps;
    }

    private static void read(float[][] shards, DataInputStream in) throws IOException {
        for (float[] shard : shards) {
            byte[] bytes = new byte[shard.length * Float.BYTES];
            in.readFully(bytes);
            ByteBuffer.wrap(bytes).asFloatBuffer().get(shard);
        }
    }
}
