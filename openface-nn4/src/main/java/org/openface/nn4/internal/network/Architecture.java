package org.openface.nn4.internal.network;

import static org.openface.nn4.internal.network.Architecture.Pooling.L2;
import static org.openface.nn4.internal.network.Architecture.Pooling.MAX;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What an nn4 network is made of, as data: to be held against OpenFace's {@code models/openface/*.def.lua}.
 *
 * <p>All share the stem (7×7 convolution with stride 2, max pooling, LRN; 1×1 and 3×3 convolutions, LRN, max pooling) and
 * the head (mean over positions, linear layer, unit norm); they differ in image size and inception blocks.
 *
 * @param name the network's name, in model files too
 * @param imageSize side of the input in pixels
 * @param blocks the inception blocks, from input to output
 */
public record Architecture(String name, int imageSize, List<Inception> blocks) {
    public static final int STEM_CHANNELS = 192;

    public enum Pooling {
        /** Maximum. */
        MAX,
        /** Root of the sum of squares: Torch's {@code SpatialLPPooling} with p = 2. */
        L2
    }

    /** The pooling at the head of a branch, 3×3. A map that comes out smaller than the block's is centred in zeros. */
    public record Pool(Pooling kind, int stride, int padding) {
        public int sideAfter(int side) {
            return (side + 2 * padding - 3) / stride + 1;
        }
    }

    /** A 1×1 convolution to {@code reduce} channels followed by a {@code kernel}×{@code kernel} one to {@code out}. */
    public record Tower(int kernel, int stride, int reduce, int out) {}

    /**
     * dpnn's {@code nn.Inception}: branches side by side, concatenated by channel in this order: towers, pooling, 1×1.
     *
     * @param poolOut channels of the 1×1 convolution after the pooling; 0 for none, the channels then stay
     * @param direct channels of the plain 1×1 branch; 0 for none
     */
    public record Inception(String name, List<Tower> towers, Pool pool, int poolOut, int direct) {
        /** By how much the block shrinks the map. */
        public int stride() {
            return towers.get(0).stride;
        }

        public int outChannels(int inChannels) {
            return towers.stream().mapToInt(Tower::out).sum() + (poolOut > 0 ? poolOut : inChannels) + direct;
        }
    }

    /** Channels after the last block. */
    public int features() {
        int channels = STEM_CHANNELS;
        for (Inception block : blocks) {
            channels = block.outChannels(channels);
        }
        return channels;
    }

    private static final Pool MAX_1 = new Pool(MAX, 1, 1);
    private static final Pool MAX_2 = new Pool(MAX, 2, 1);
    private static final Pool L2_1 = new Pool(L2, 1, 0);

    // The blocks that several networks have in common.
    private static final List<Inception> BLOCKS_3 = List.of(
            new Inception("3a", List.of(new Tower(3, 1, 96, 128), new Tower(5, 1, 16, 32)), MAX_1, 32, 64),
            new Inception("3b", List.of(new Tower(3, 1, 96, 128), new Tower(5, 1, 32, 64)), L2_1, 64, 64),
            new Inception("3c", List.of(new Tower(3, 2, 128, 256), new Tower(5, 2, 32, 64)), MAX_2, 0, 0));
    private static final Inception BLOCK_4A =
            new Inception("4a", List.of(new Tower(3, 1, 96, 192), new Tower(5, 1, 32, 64)), L2_1, 128, 256);
    private static final Inception BLOCK_4B =
            new Inception("4b", List.of(new Tower(3, 1, 112, 224), new Tower(5, 1, 32, 64)), L2_1, 128, 224);
    private static final Inception BLOCK_4C =
            new Inception("4c", List.of(new Tower(3, 1, 128, 256), new Tower(5, 1, 32, 64)), L2_1, 128, 192);
    private static final Inception BLOCK_4D =
            new Inception("4d", List.of(new Tower(3, 1, 144, 288), new Tower(5, 1, 32, 64)), L2_1, 128, 160);
    private static final Inception BLOCK_4E =
            new Inception("4e", List.of(new Tower(3, 2, 160, 256), new Tower(5, 2, 64, 128)), MAX_2, 0, 0);

    private static final List<Inception> BLOCKS_4 = List.of(BLOCK_4A, BLOCK_4B, BLOCK_4C, BLOCK_4D, BLOCK_4E);

    public static final Architecture NN4_SMALL2 = new Architecture(
            "NN4_SMALL2",
            96,
            concat(
                    BLOCKS_3,
                    List.of(
                            BLOCK_4A,
                            BLOCK_4E,
                            new Inception("5a", List.of(new Tower(3, 1, 96, 384)), L2_1, 96, 256),
                            new Inception("5b", List.of(new Tower(3, 1, 96, 384)), MAX_1, 96, 256))));

    /**
     * The network of the published {@code nn4.small2.v1} weights: an older {@code nn} ignored the padding and took half the
     * kernel, or the whole, for the stride of a pooling branch (OpenFace's issues 142, 349, 351).
     */
    public static final Architecture NN4_SMALL2_V1 = new Architecture(
            "NN4_SMALL2_V1",
            96,
            NN4_SMALL2.blocks.stream()
                    .map(b -> new Inception(
                            b.name,
                            b.towers,
                            new Pool(b.pool.kind, b.pool.kind == MAX ? 2 : 3, 0),
                            b.poolOut,
                            b.direct))
                    .toList());

    private static final List<Inception> BLOCKS_5 = List.of(
            new Inception("5a", List.of(new Tower(3, 1, 192, 384)), L2_1, 128, 384),
            new Inception("5b", List.of(new Tower(3, 1, 192, 384)), MAX_1, 128, 384));

    public static final Architecture NN4_SMALL1 = new Architecture(
            "NN4_SMALL1", 96, concat(BLOCKS_3, concat(List.of(BLOCK_4A, BLOCK_4B, BLOCK_4E), BLOCKS_5)));

    public static final Architecture NN4 = new Architecture("NN4", 96, concat(BLOCKS_3, concat(BLOCKS_4, BLOCKS_5)));

    public static final Architecture NN2 = new Architecture(
            "NN2",
            224,
            concat(
                    BLOCKS_3,
                    concat(
                            BLOCKS_4,
                            List.of(
                                    new Inception(
                                            "5a",
                                            List.of(new Tower(3, 1, 192, 384), new Tower(5, 1, 48, 128)),
                                            L2_1,
                                            128,
                                            384),
                                    new Inception(
                                            "5b",
                                            List.of(new Tower(3, 1, 192, 384), new Tower(5, 1, 48, 128)),
                                            MAX_1,
                                            128,
                                            384)))));

    /** Every network, OpenFace's own before the older one that it published. */
    public static List<Architecture> all() {
        return List.of(NN4, NN4_SMALL1, NN4_SMALL2, NN4_SMALL2_V1, NN2);
    }

    /** The network of a name, if there is one. */
    public static Optional<Architecture> named(String name) {
        return all().stream().filter(one -> one.name.equals(name)).findFirst();
    }

    @Override
    public String toString() {
        return name;
    }

    private static List<Inception> concat(List<Inception> first, List<Inception> second) {
        return Stream.concat(first.stream(), second.stream()).toList();
    }

    /**
     * A convolution, each followed by batch-norm and ReLU.
     *
     * @param name such as {@code inception_3a.3x3}
     * @param side rows, and columns, of its output
     */
    public record Convolution(String name, int in, int out, int kernel, int stride, int side) {}

    /** All convolutions, in the order of Torch's modules. */
    public List<Convolution> convolutions() {
        List<Convolution> all = new ArrayList<>();
        all.add(new Convolution("conv1", 3, 64, 7, 2, imageSize / 2));
        all.add(new Convolution("conv2", 64, 64, 1, 1, imageSize / 4));
        all.add(new Convolution("conv3", 64, STEM_CHANNELS, 3, 1, imageSize / 4));
        int channels = STEM_CHANNELS;
        int side = imageSize / 8;
        for (Inception block : blocks) {
            String name = "inception_" + block.name;
            int sideAfter = side / block.stride();
            for (Tower tower : block.towers) {
                String prefix = name + "." + tower.kernel + "x" + tower.kernel;
                all.add(new Convolution(prefix + "_reduce", channels, tower.reduce, 1, 1, side));
                all.add(new Convolution(prefix, tower.reduce, tower.out, tower.kernel, tower.stride, sideAfter));
            }
            if (block.poolOut > 0) {
                all.add(new Convolution(name + ".pool", channels, block.poolOut, 1, 1, block.pool.sideAfter(side)));
            }
            if (block.direct > 0) {
                all.add(new Convolution(name + ".1x1", channels, block.direct, 1, 1, side));
            }
            channels = block.outChannels(channels);
            side = sideAfter;
        }
        return List.copyOf(all);
    }

    /** The parameters and running statistics of the network, in the order of Torch's {@code getParameters()}. */
    public List<TensorSpec> tensors(int embeddingSize) {
        List<TensorSpec> all = new ArrayList<>();
        for (Convolution c : convolutions()) {
            all.add(new TensorSpec(c.name + ".weight", List.of(c.out, c.in, c.kernel, c.kernel), true));
            all.add(new TensorSpec(c.name + ".bias", List.of(c.out), true));
            all.add(new TensorSpec(c.name + ".bn.weight", List.of(c.out), true));
            all.add(new TensorSpec(c.name + ".bn.bias", List.of(c.out), true));
            all.add(new TensorSpec(c.name + ".bn.running_mean", List.of(c.out), false));
            all.add(new TensorSpec(c.name + ".bn.running_var", List.of(c.out), false));
        }
        all.add(new TensorSpec("dense.weight", List.of(embeddingSize, features()), true));
        all.add(new TensorSpec("dense.bias", List.of(embeddingSize), true));
        return List.copyOf(all);
    }

    /**
     * Name and shape of a tensor.
     *
     * @param name such as {@code inception_3a.3x3.weight}
     * @param shape convolutions (out, in, height, width), linear (out, in)
     * @param trained whether gradients change it; running statistics are not
     */
    public record TensorSpec(String name, List<Integer> shape, boolean trained) {
        public int length() {
            return shape.stream().reduce(1, Math::multiplyExact);
        }
    }
}
