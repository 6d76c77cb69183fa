package org.openface.core.cleaning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.drawn.DrawnFaces;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

class DuplicatesTest {
    @TempDir
    private Path folder;

    /** Of one person and image, always the same. */
    private static RgbImage face(int person, int image) {
        return DrawnFaces.of(7).draw(person, image, 128);
    }

    private void put(String place, RgbImage image) throws IOException {
        Path file = folder.resolve(place);
        Files.createDirectories(file.resolveSibling(""));
        Files.write(file, portableMap(image));
    }

    static RgbImage cut(RgbImage image, int left, int top, int side) {
        byte[] rgb = new byte[3 * side * side];
        for (int y = 0; y < side; y++) {
            System.arraycopy(image.toBytes(), 3 * ((top + y) * image.width() + left), rgb, 3 * side * y, 3 * side);
        }
        return RgbImage.of(side, side, rgb);
    }

    static RgbImage changed(RgbImage image, double contrast, int brightness) {
        byte[] rgb = image.toBytes();
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) Math.max(0, Math.min(255, contrast * (rgb[i] & 0xff) + brightness));
        }
        return RgbImage.of(image.width(), image.height(), rgb);
    }

    static byte[] jpeg(RgbImage image, float quality) throws IOException {
        BufferedImage picture = new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < image.height(); y++) {
            for (int x = 0; x < image.width(); x++) {
                picture.setRGB(x, y, image.red(x, y) << 16 | image.green(x, y) << 8 | image.blue(x, y));
            }
        }
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        ImageWriteParam parameters = writer.getDefaultWriteParam();
        parameters.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
        parameters.setCompressionQuality(quality);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (MemoryCacheImageOutputStream stream = new MemoryCacheImageOutputStream(out)) {
            writer.setOutput(stream);
            writer.write(null, new IIOImage(picture, null, null), parameters);
        } finally {
            writer.dispose();
        }
        return out.toByteArray();
    }

    private List<String> pairs(boolean mirrored) throws IOException {
        DatasetCleaner cleaner = DatasetCleaner.of(FaceDataset.index(folder));
        CleaningReport report = (mirrored ? cleaner.mirroredToo() : cleaner).review();
        List<String> pairs = new ArrayList<>();
        for (ReviewList list : List.of(ReviewList.DUPLICATES, ReviewList.SHARED_PHOTOGRAPHS)) {
            report.list(list).forEach(f -> pairs.add(f.identity() + "/" + f.image() + " = " + f.other()));
        }
        return pairs;
    }

    @Test
    void findsWhatIsMadeFromOnePhotograph() throws IOException {
        int[][] images = {{0, 1}, {1, 2}, {2, 3, 4}, {3, 4}, {0}, {5}};
        for (int person = 0; person < images.length; person++) {
            for (int image : images[person]) {
                put("p" + person + "/" + image + ".png", cut(face(person, image), 8, 8, 112));
            }
        }
        assertThat(pairs(true)).isEmpty();
        RgbImage original = cut(face(1, 1), 8, 8, 112);
        put("p1/same.png", original);
        put("p1/shifted.png", cut(face(1, 2), 2, 13, 112));
        put("p2/bright.png", changed(cut(face(2, 2), 8, 8, 112), 1.2, 15));
        put("p2/small.png", cut(face(2, 3), 8, 8, 112).resized(70, 70));
        put("p2/large.png", cut(face(2, 4), 8, 8, 112).resized(150, 150));
        Files.write(folder.resolve("p3/compressed.jpg"), jpeg(cut(face(3, 3), 8, 8, 112), 0.6f));
        put("p4/mirror.png", cut(face(3, 4).flipped(), 8, 8, 112));
        put("p4/other.png", changed(cut(face(5, 5), 10, 4, 112), 0.8, 0));
        assertThat(pairs(false))
                .containsExactlyInAnyOrder(
                        "p1/same.png = p1/1.png",
                        "p1/shifted.png = p1/2.png",
                        "p2/bright.png = p2/2.png",
                        "p2/small.png = p2/3.png",
                        "p2/4.png = p2/large.png",
                        "p3/compressed.jpg = p3/3.png",
                        // Whose photograph it is nobody knows.
                        "p4/other.png = p5/5.png",
                        "p5/5.png = p4/other.png");
        assertThat(pairs(true)).hasSize(10).contains("p4/mirror.png = p3/4.png", "p3/4.png = p4/mirror.png");
    }

    @Test
    void onePixelIsEnoughToBeNoExactDuplicate() throws IOException {
        byte[] rgb = face(0, 0).toBytes();
        put("p/a.png", face(0, 0));
        put("p/b.png", face(0, 0));
        ImageFiles.writePng(face(0, 0), folder.resolve("p/c.png"));
        rgb[1]++;
        put("p/d.png", RgbImage.of(128, 128, rgb));
        CleaningReport report = DatasetCleaner.of(FaceDataset.index(folder)).review();
        assertThat(report.list(ReviewList.DUPLICATES))
                .extracting(f -> f.image() + " " + f.reason().replaceAll("1\\.0+$", "1") + " " + (f.score() == 1))
                .containsExactly("b.png same bytes true", "c.png same pixels true", "d.png details agree to 1 false");
    }

    private static byte[] portableMap(RgbImage image) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(("P6 " + image.width() + " " + image.height() + " 255\n").getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(image.toBytes());
        return out.toByteArray();
    }

    /** Ten photographs each of thirty people who sat still. */
    @Test
    void photographsOfOneSittingAreNoDuplicates() throws IOException {
        Path att = Path.of(System.getProperty("openface.shared", "absent"), "data", "faces", "att");
        assumeTrue(Files.isDirectory(att), "no photographs here");
        CleaningReport report = DatasetCleaner.of(FaceDataset.index(att)).review();
        assertThat(report.findings()).isEmpty();
    }
}
