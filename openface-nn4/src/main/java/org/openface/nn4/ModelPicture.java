package org.openface.nn4;

import com.google.common.base.Splitter;
import java.util.List;
import java.util.Locale;

/** Draws a network as SVG: from top to bottom, the branches of an inception block side by side above its output. */
final class ModelPicture {
    private static final int WIDTH = 760;
    private static final int MIDDLE = WIDTH / 2;
    private static final int BLOCK_WIDTH = 260;
    private static final int BRANCH_WIDTH = 150;
    private static final int BETWEEN_BRANCHES = 180;
    private static final int HEIGHT = 40;
    private static final int GAP = 22;

    private final StringBuilder lines = new StringBuilder();
    private final StringBuilder boxes = new StringBuilder();
    private int y = GAP;

    private ModelPicture() {}

    static String of(String title, List<ModelSummary.Row> rows) {
        ModelPicture picture = new ModelPicture();
        picture.box(MIDDLE, BLOCK_WIDTH, "input", "images", title);
        for (ModelSummary.Row row : rows) {
            picture.row(row);
        }
        return String.format(
                Locale.ROOT,
                """
                <svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" \
                font-family="sans-serif" font-size="13" text-anchor="middle">
                <title>%s</title>
                <style>
                path { fill: none; stroke: #888 }
                rect { stroke: #444; rx: 4px }
                .input, .plain { fill: #f4f4f4 }
                .weights { fill: #dbe9f6 }
                .branch { fill: #fff; stroke-dasharray: 4 2 }
                .small { font-size: 11px; fill: #555 }
                </style>
                <rect width="100%%" height="100%%" style="fill: white; stroke: none"/>
                %s%s</svg>
                """,
                WIDTH,
                picture.y + HEIGHT + GAP,
                WIDTH,
                picture.y + HEIGHT + GAP,
                title,
                picture.lines,
                picture.boxes);
    }

    private void row(ModelSummary.Row row) {
        int above = y + HEIGHT;
        y = above + GAP;
        int count = row.branches().size();
        for (int i = 0; i < count; i++) {
            int x = MIDDLE + (2 * i - count + 1) * BETWEEN_BRANCHES / 2;
            List<String> parts = Splitter.on(", ").splitToList(row.branches().get(i));
            box(x, BRANCH_WIDTH, "branch", parts.get(0), parts.size() > 1 ? parts.get(1) : "");
            line(MIDDLE, above, x, y);
            line(x, y + HEIGHT, MIDDLE, y + HEIGHT + GAP);
        }
        if (count > 0) {
            y += HEIGHT + GAP;
        } else {
            line(MIDDLE, above, MIDDLE, y);
        }
        String parameters =
                row.parameters() == 0 ? "" : String.format(Locale.ROOT, ", %,d parameters", row.parameters());
        box(
                MIDDLE,
                BLOCK_WIDTH,
                row.parameters() == 0 ? "plain" : "weights",
                row.block(),
                row.output().replace(" x ", " \u00d7 ") + parameters);
    }

    private void box(int x, int width, String kind, String first, String second) {
        boxes.append(String.format(
                Locale.ROOT,
                "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n",
                kind,
                x - width / 2,
                y,
                width,
                HEIGHT));
        text(x, y + (second.isEmpty() ? 25 : 17), "", first);
        if (!second.isEmpty()) {
            text(x, y + 33, kind.equals("branch") ? "" : " class=\"small\"", second);
        }
    }

    private void text(int x, int baseline, String attributes, String text) {
        boxes.append(
                String.format(Locale.ROOT, "<text x=\"%d\" y=\"%d\"%s>%s</text>\n", x, baseline, attributes, text));
    }

    private void line(int fromX, int fromY, int toX, int toY) {
        lines.append(String.format(Locale.ROOT, "<path d=\"M%d %dL%d %d\"/>\n", fromX, fromY, toX, toY));
    }
}
