package org.openface.nn4;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.Convolution;
import org.openface.nn4.internal.network.Architecture.Inception;
import org.openface.nn4.internal.network.Architecture.Pooling;

/** A network block by block: {@link #toString} is a table, {@link #toSvg} a picture, {@link #toDot} one for Graphviz. */
public final class ModelSummary {
    /** A block. */
    public static final class Row {
        private final String block;
        private final String output;
        private final List<String> branches;
        private final long parameters;
        private final long flops;

        private Row(String block, String output, List<String> branches, long parameters, long flops) {
            this.block = block;
            this.output = output;
            this.branches = List.copyOf(branches);
            this.parameters = parameters;
            this.flops = flops;
        }

        /** Its name, such as {@code inception_3a}. */
        public String block() {
            return block;
        }

        /** Shape of its output for one image, such as {@code 12 x 12 x 256}: rows, columns, channels. */
        public String output() {
            return output;
        }

        /** What stands side by side in an inception block, such as {@code 1x1 96, 3x3 128}; empty in others. */
        public List<String> branches() {
            return branches;
        }

        /** Trained ones, counted as Torch's {@code getParameters()} does. */
        public long parameters() {
            return parameters;
        }

        /**
         * Operations for one image at inference: two for each multiplication with a weight; what has no weights (pooling,
         * normalisation) costs little and is not counted.
         */
        public long flops() {
            return flops;
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Row row
                    && block.equals(row.block)
                    && output.equals(row.output)
                    && branches.equals(row.branches)
                    && parameters == row.parameters
                    && flops == row.flops;
        }

        @Override
        public int hashCode() {
            return Objects.hash(block, output, branches, parameters, flops);
        }

        @Override
        public String toString() {
            return block + " " + output + " " + branches + ", " + parameters + " parameters, " + flops + " FLOPs";
        }
    }

    private final Nn4Model.Variant variant;
    private final int imageSize;
    private final List<Row> rows;

    private ModelSummary(Nn4Model.Variant variant, int imageSize, List<Row> rows) {
        this.variant = variant;
        this.imageSize = imageSize;
        this.rows = rows;
    }

    /** Which network. */
    public Nn4Model.Variant variant() {
        return variant;
    }

    /** Side of its input in pixels. */
    public int imageSize() {
        return imageSize;
    }

    /** The blocks from input to output. */
    public List<Row> rows() {
        return rows;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof ModelSummary summary
                && variant == summary.variant
                && imageSize == summary.imageSize
                && rows.equals(summary.rows);
    }

    @Override
    public int hashCode() {
        return Objects.hash(variant, imageSize, rows);
    }

    static ModelSummary of(Nn4Model.Variant variant, int embeddingSize) {
        Architecture architecture = variant.architecture();
        List<Row> rows = new ArrayList<>();
        int size = architecture.imageSize();
        for (String stem : List.of("conv1", "pool1", "lrn1", "conv2", "conv3", "lrn2", "pool2")) {
            List<Convolution> own = architecture.convolutions().stream()
                    .filter(c -> c.name().equals(stem))
                    .toList();
            int side =
                    switch (stem) {
                        case "conv1" -> size / 2;
                        case "pool2" -> size / 8;
                        default -> size / 4;
                    };
            int channels =
                    switch (stem) {
                        case "conv3", "lrn2", "pool2" -> Architecture.STEM_CHANNELS;
                        default -> 64;
                    };
            rows.add(row(stem, side, channels, List.of(), own));
        }
        int channels = Architecture.STEM_CHANNELS;
        int side = size / 8;
        for (Inception block : architecture.blocks()) {
            String name = "inception_" + block.name();
            channels = block.outChannels(channels);
            side /= block.stride();
            rows.add(row(
                    name,
                    side,
                    channels,
                    branches(block),
                    architecture.convolutions().stream()
                            .filter(c -> c.name().startsWith(name + "."))
                            .toList()));
        }
        rows.add(row("mean", 1, channels, List.of(), List.of()));
        long weights = (long) channels * embeddingSize;
        rows.add(new Row("dense", Integer.toString(embeddingSize), List.of(), weights + embeddingSize, 2 * weights));
        rows.add(new Row("normalize", Integer.toString(embeddingSize), List.of(), 0, 0));
        return new ModelSummary(variant, size, List.copyOf(rows));
    }

    private static Row row(
            String block, int side, int channels, List<String> branches, List<Convolution> convolutions) {
        long parameters = 0;
        long flops = 0;
        for (Convolution c : convolutions) {
            long weights = (long) c.in() * c.out() * c.kernel() * c.kernel();
            parameters += weights + 3L * c.out(); // bias, and batch-norm's scale and shift
            flops += 2 * weights * c.side() * c.side();
        }
        return new Row(block, side + " x " + side + " x " + channels, branches, parameters, flops);
    }

    /** Trained parameters of the network. */
    public long parameters() {
        return rows.stream().mapToLong(Row::parameters).sum();
    }

    /** Operations for one image; see {@link Row#flops}. */
    public long flops() {
        return rows.stream().mapToLong(Row::flops).sum();
    }

    private String title() {
        return variant + ", " + imageSize + " x " + imageSize + " x 3";
    }

    /** A table with a line for each block and one for the sums. */
    @Override
    public String toString() {
        StringBuilder table = new StringBuilder(title() + "\n");
        table.append(String.format(Locale.ROOT, "%-14s %-16s %12s %14s%n", "block", "output", "parameters", "FLOPs"));
        for (Row row : rows) {
            line(table, row);
        }
        line(table, new Row("sum", "", List.of(), parameters(), flops()));
        return table.toString().replace(System.lineSeparator(), "\n");
    }

    private static void line(StringBuilder table, Row row) {
        table.append(String.format(
                Locale.ROOT, "%-14s %-16s %,12d %,14d%n", row.block, row.output, row.parameters, row.flops));
    }

    /** The graph in Graphviz's language, with the branches of each block: a picture by {@code dot -Tsvg}. */
    public String toDot() {
        StringBuilder dot =
                new StringBuilder("digraph " + variant + " {\n  node [shape=box, fontname=\"sans-serif\"];\n");
        String last = "images";
        for (Row row : rows) {
            dot.append(String.format(Locale.ROOT, "  \"%s\" [label=\"%s\\n%s\"];%n", row.block, row.block, row.output));
            for (String branch : row.branches) {
                String id = row.block + " " + branch;
                dot.append(String.format(Locale.ROOT, "  \"%s\" [label=\"%s\"];%n", id, branch));
                dot.append(String.format(Locale.ROOT, "  \"%s\" -> \"%s\" -> \"%s\";%n", last, id, row.block));
            }
            if (row.branches.isEmpty()) {
                dot.append(String.format(Locale.ROOT, "  \"%s\" -> \"%s\";%n", last, row.block));
            }
            last = row.block;
        }
        return dot.append("}\n").toString().replace(System.lineSeparator(), "\n");
    }

    /** The same picture as an SVG file, for a browser. */
    public String toSvg() {
        return ModelPicture.of(title(), rows);
    }

    /** A line for each branch of a block. */
    private static List<String> branches(Inception block) {
        List<String> branches = block.towers().stream()
                .map(t -> "1x1 " + t.reduce() + ", " + t.kernel() + "x" + t.kernel() + " " + t.out()
                        + (t.stride() > 1 ? " / " + t.stride() : ""))
                .collect(Collectors.toCollection(ArrayList::new));
        branches.add((block.pool().kind() == Pooling.MAX ? "max 3x3" : "L2 3x3")
                + (block.pool().stride() > 1 ? " / " + block.pool().stride() : "")
                + (block.poolOut() > 0 ? ", 1x1 " + block.poolOut() : ""));
        if (block.direct() > 0) {
            branches.add("1x1 " + block.direct());
        }
        return branches;
    }
}
