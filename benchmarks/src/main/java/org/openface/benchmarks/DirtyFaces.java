package org.openface.benchmarks;

import com.google.common.io.MoreFiles;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;

/**
 * A folder of faces with planted mistakes, and what was planted. Of the people, the last is left out, two of whose images
 * are put into the first's folder; the second is split under two names; the fourth's images go into the third's folder.
 * Then 5 % of the others' images change their folder, 5 % are doubled exactly and 5 % nearly, half of each under another
 * name.
 */
final class DirtyFaces {
    static final int SIDE = 96;
    /** How far a near duplicate is shifted at most, in pixels. */
    private static final int SHIFT = 6;

    final Path folder;
    final String stranger;
    final String host;
    final String split;
    final String alias;
    final String united;
    final String guest;
    /** image ↦ who it shows, all images */
    final Map<String, String> truth = new LinkedHashMap<>();
    /** image ↦ photograph it was made from */
    final Map<String, String> photograph = new HashMap<>();

    final Set<String> wrongLabels = new HashSet<>();
    final Set<String> strangers = new HashSet<>();
    final Set<String> exactDuplicates = new HashSet<>();
    final Set<String> nearDuplicates = new HashSet<>();

    private final Random random;

    private DirtyFaces(Path folder, List<String> people, long seed) {
        this.folder = folder;
        stranger = people.get(people.size() - 1);
        host = people.get(0);
        split = people.get(1);
        alias = split + "_2";
        united = people.get(2);
        guest = people.get(3);
        random = new Random(seed);
    }

    /** Fills an empty folder. */
    static DirtyFaces plant(Path source, Path folder, double share, long seed) throws IOException {
        FaceDataset clean = FaceDataset.index(source);
        DirtyFaces dirty = new DirtyFaces(folder, clean.identities(), seed);
        List<Face> shuffled = new ArrayList<>(clean.faces());
        Collections.shuffle(shuffled, dirty.random);
        dirty.placeAll(shuffled, (int) Math.round(share * clean.size()));
        return dirty;
    }

    private void placeAll(List<Face> shuffled, int each) throws IOException {
        List<Face> ordinary = new ArrayList<>();
        for (Face face : shuffled) {
            String name = face.identity() + "-" + MoreFiles.getNameWithoutExtension(face.file());
            if (face.identity().equals(stranger)) {
                if (strangers.size() < 2) {
                    strangers.add(put(host, name + ".png", face, stranger));
                }
            } else if (face.identity().equals(split)) {
                put(random.nextBoolean() ? split : alias, name + ".png", face, split);
            } else if (face.identity().equals(guest)) {
                put(united, name + ".png", face, guest);
            } else {
                ordinary.add(face);
            }
        }
        List<String> names = new ArrayList<>(new HashSet<>(truth.values()));
        names.removeAll(List.of(stranger, guest));
        ordinary.forEach(face -> names.add(face.identity()));
        List<String> folders = names.stream().distinct().sorted().toList();
        for (int i = 0; i < ordinary.size(); i++) {
            Face face = ordinary.get(i);
            String name = face.identity() + "-" + MoreFiles.getNameWithoutExtension(face.file());
            String own = face.identity();
            if (i < each) {
                wrongLabels.add(put(another(folders, own), name + ".png", face, own));
                continue;
            }
            put(own, name + ".png", face, own);
            String copied = i % 2 == 0 ? own : another(folders, own);
            if (i < 2 * each) {
                exactDuplicates.add(copyExactly(copied, name, face));
            } else if (i < 3 * each) {
                nearDuplicates.add(copyNearly(copied, name, face, i));
            }
        }
    }

    private String another(List<String> folders, String own) {
        String other = own;
        while (other.equals(own)) {
            other = folders.get(random.nextInt(folders.size()));
        }
        return other;
    }

    private String put(String identity, String name, Face face, String shows) throws IOException {
        ImageFiles.writePng(cut(face.read(), 0, 0), place(identity, name));
        return note(identity, name, face, shows);
    }

    private String note(String identity, String name, Face face, String shows) {
        String key = identity + "/" + name;
        truth.put(key, shows);
        photograph.put(key, face.identity() + "/" + face.fileName());
        return key;
    }

    private Path place(String identity, String name) throws IOException {
        return Files.createDirectories(folder.resolve(identity)).resolve(name);
    }

    /** The same bytes, or the same pixels in another format. */
    private String copyExactly(String identity, String name, Face face) throws IOException {
        RgbImage image = cut(face.read(), 0, 0);
        if (random.nextBoolean()) {
            String copy = name + "-copy.png";
            ImageFiles.writePng(image, place(identity, copy));
            return note(identity, copy, face, face.identity());
        }
        ByteArrayOutputStream map = new ByteArrayOutputStream();
        map.writeBytes(("P6 " + SIDE + " " + SIDE + " 255\n").getBytes(StandardCharsets.US_ASCII));
        map.writeBytes(image.toBytes());
        String copy = name + "-copy.ppm";
        Files.write(place(identity, copy), map.toByteArray());
        return note(identity, copy, face, face.identity());
    }

    /** Shifted, brightened, scaled and encoded as JPEG, one of them, some or all. */
    private String copyNearly(String identity, String name, Face face, int kind) throws IOException {
        boolean all = kind % 5 == 4;
        RgbImage image = face.read();
        String copy = name + "-near" + kind % 5 + ".jpg";
        image = kind % 5 == 0 || all
                ? cut(image, random.nextInt(2 * SHIFT + 1) - SHIFT, random.nextInt(2 * SHIFT + 1) - SHIFT)
                : cut(image, 0, 0);
        if (kind % 5 == 1 || all) {
            image = brightened(image, 0.75 + 0.5 * random.nextDouble(), random.nextInt(41) - 20);
        }
        if (kind % 5 == 2 || all) {
            int side = 64 + random.nextInt(97);
            image = image.resized(side, side);
        }
        double quality = kind % 5 == 3 || all ? 0.5 + 0.3 * random.nextDouble() : 0.95;
        Files.write(place(identity, copy), jpeg(image, (float) quality));
        return note(identity, copy, face, face.identity());
    }

    /** A square of 96 pixels, shifted from the middle. */
    static RgbImage cut(RgbImage image, int dx, int dy) {
        byte[] pixels = image.toBytes();
        byte[] middle = new byte[SIDE * SIDE * 3];
        int left = (image.width() - SIDE) / 2 + dx;
        int top = (image.height() - SIDE) / 2 + dy;
        for (int y = 0; y < SIDE; y++) {
            System.arraycopy(pixels, 3 * ((top + y) * image.width() + left), middle, 3 * SIDE * y, 3 * SIDE);
        }
        return RgbImage.of(SIDE, SIDE, middle);
    }

    private static RgbImage brightened(RgbImage image, double contrast, int brightness) {
        byte[] pixels = image.toBytes();
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) Math.max(0, Math.min(255, Math.round(contrast * (pixels[i] & 0xff) + brightness)));
        }
        return RgbImage.of(image.width(), image.height(), pixels);
    }

    private static byte[] jpeg(RgbImage image, float quality) throws IOException {
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
}
