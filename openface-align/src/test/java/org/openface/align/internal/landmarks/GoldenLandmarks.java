package org.openface.align.internal.landmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.openface.align.face.FaceBox;
import org.openface.align.face.LandmarkSet;
import org.openface.align.face.Point;

/** A row of a table of dlib's own landmarks: picture, a second column, box with its last pixels, 68 points. */
public record GoldenLandmarks(String image, String second, FaceBox box, List<Point> points) {
    public static List<GoldenLandmarks> read(Path table) throws IOException {
        List<GoldenLandmarks> rows = new ArrayList<>();
        for (String line : Files.readAllLines(table)) {
            String[] cells = line.split("\t", -1);
            if (cells[0].equals("image")) {
                continue;
            }
            int[] box = new int[4];
            for (int i = 0; i < box.length; i++) {
                box[i] = Integer.parseInt(cells[2 + i]);
            }
            List<Point> points = new ArrayList<>();
            for (int i = 6; i < 6 + 2 * LandmarkSet.ALL_POINTS; i += 2) {
                points.add(new Point(Integer.parseInt(cells[i]), Integer.parseInt(cells[i + 1])));
            }
            rows.add(new GoldenLandmarks(
                    cells[0], cells[1], new FaceBox(box[0], box[1], box[2] - box[0] + 1, box[3] - box[1] + 1), points));
        }
        return rows;
    }
}
