package org.openface.triplet.mining;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.triplet.training.LinearEmbedder;

/** Images for the {@link LinearEmbedder}: a pattern per person under noise and light of each image's own. */
public final class Patterns {
    private Patterns() {}

    public static FaceDataset write(Path folder, int people, int images) throws IOException {
        for (int person = 0; person < people; person++) {
            Path own = Files.createDirectories(folder.resolve("person " + person));
            for (int image = 0; image < images; image++) {
                ImageFiles.writePng(picture(person, image), own.resolve("image-" + image + ".png"));
            }
        }
        return FaceDataset.index(folder);
    }

    public static RgbImage picture(int person, int image) {
        Random own = new Random(person);
        Random noise = new Random(100L * person + image);
        int light = noise.nextInt(120);
        byte[] rgb = new byte[LinearEmbedder.SIZE * LinearEmbedder.SIZE * 3];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (light + own.nextInt(60) + noise.nextInt(60));
        }
        return RgbImage.of(LinearEmbedder.SIZE, LinearEmbedder.SIZE, rgb);
    }
}
