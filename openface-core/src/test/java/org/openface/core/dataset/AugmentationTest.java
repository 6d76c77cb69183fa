package org.openface.core.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.image.ImageFiles;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.AddressedRandom;
import org.openface.core.internal.batch.BatchLoader;
import org.openface.core.internal.batch.BatchPlan;

class AugmentationTest {
    private static final int SIDE = 24;

    /** Red grows to the right, green downwards. */
    private static RgbImage ramp() {
        byte[] rgb = new byte[3 * SIDE * SIDE];
        for (int i = 0; i < SIDE * SIDE; i++) {
            rgb[3 * i] = (byte) (10 * (i % SIDE));
            rgb[3 * i + 1] = (byte) (10 * (i / SIDE));
        }
        return RgbImage.of(SIDE, SIDE, rgb);
    }

    private static AddressedRandom random(long at) {
        return AddressedRandom.at(7, at);
    }

    @Test
    void aShiftMovesAndRepeatsTheBorder() {
        RgbImage moved = Augmentations.warped(ramp(), 3, -2, 0, 1);
        assertThat(moved.red(10, 5)).isEqualTo(10 * 7);
        assertThat(moved.green(10, 5)).isEqualTo(10 * 7);
        assertThat(moved.red(1, 5)).isZero();
        assertThat(moved.green(1, SIDE - 1)).isEqualTo(10 * (SIDE - 1));
    }

    @Test
    void aQuarterTurnAndAnEnlargementAboutTheMiddle() {
        // 11.5 is the middle: column 20 comes from 8.5 to the right, which was 8.5 above or below.
        RgbImage turned = Augmentations.warped(ramp(), 0, 0, Math.PI / 2, 1);
        assertThat(turned.green(20, 11)).isEqualTo(10 * (SIDE - 1 - 20));
        assertThat(turned.red(20, 11)).isEqualTo(110);
        RgbImage large = Augmentations.warped(ramp(), 0, 0, 0, 2);
        assertThat(large.red(21, 3)).isCloseTo(162, within(1));
    }

    @Test
    void eachKeepsTheSizeAndIsAFunctionOfItsRandomNumbers() {
        for (Augmentation each : new Augmentation[] {
            Augmentation.warp(0.1, 20, 0.2),
            Augmentation.light(0.3, 0.3),
            Augmentation.blur(1),
            Augmentation.erase(1, 0.3),
            Augmentation.warp(0.1, 10, 0.1).then(Augmentation.light(0.1, 0.1))
        }) {
            RgbImage once = each.apply(ramp(), random(1));
            assertThat(once.width()).isEqualTo(SIDE);
            assertThat(once.height()).isEqualTo(SIDE);
            assertThat(once).as("%s", each).isNotEqualTo(ramp()).isEqualTo(each.apply(ramp(), random(1)));
            assertThat(once).as("%s", each).isNotEqualTo(each.apply(ramp(), random(2)));
        }
        assertThat(Augmentation.none().apply(ramp(), random(1))).isEqualTo(ramp());
    }

    @Test
    void blurKeepsEvenSurfacesAndTheirSum() {
        byte[] flat = new byte[3 * SIDE * SIDE];
        Arrays.fill(flat, (byte) 200);
        RgbImage image = RgbImage.of(SIDE, SIDE, flat);
        assertThat(Augmentation.blur(1).apply(image, random(3))).isEqualTo(image);
        byte[] point = new byte[3 * SIDE * SIDE];
        point[3 * (12 * SIDE + 12)] = (byte) 160;
        RgbImage spread = Augmentation.blur(1).apply(RgbImage.of(SIDE, SIDE, point), random(3));
        int sum = 0;
        for (int i = 0; i < SIDE * SIDE; i++) {
            sum += spread.red(i % SIDE, i / SIDE);
        }
        assertThat(spread.red(12, 12)).isLessThan(160);
        assertThat(spread.red(11, 12)).isEqualTo(spread.red(13, 12)).isPositive();
        assertThat(sum).isBetween(150, 170);
    }

    @Test
    void eraseCoversNoMoreThanItMay() {
        for (int i = 0; i < 50; i++) {
            RgbImage erased = Augmentation.erase(1, 0.2).apply(ramp(), random(i));
            int grey = 0;
            for (int p = 0; p < SIDE * SIDE; p++) {
                grey += erased.blue(p % SIDE, p / SIDE) == 127 ? 1 : 0;
            }
            assertThat(grey).isBetween(1, (int) (0.2 * SIDE * SIDE) + SIDE);
        }
        assertThat(Augmentation.erase(0, 0.2).apply(ramp(), random(1))).isEqualTo(ramp());
    }

    @Test
    void aLoadedBatchIsTheSameForAnyNumberOfThreads(@TempDir Path folder) throws Exception {
        for (String person : new String[] {"ann", "bob"}) {
            Path own = Files.createDirectories(folder.resolve(person));
            for (int i = 0; i < 3; i++) {
                ImageFiles.writePng(ramp(), own.resolve(i + ".png"));
            }
        }
        BatchPlan sampler = BatchPlan.builder(FaceDataset.index(folder))
                .identitiesPerBatch(2)
                .imagesPerIdentity(3)
                .build();
        Augmentation augmentation = Augmentation.warp(0.1, 20, 0.2);
        float[] first;
        try (BatchLoader one = BatchLoader.builder(sampler)
                .imageSize(SIDE)
                .threads(1)
                .augmentation(augmentation)
                .build()) {
            first = one.load(1, 1).pixels();
        }
        try (BatchLoader many = BatchLoader.builder(sampler)
                .imageSize(SIDE)
                .threads(4)
                .augmentation(augmentation)
                .build()) {
            many.load(1, 0);
            assertThat(many.load(1, 1).pixels()).isEqualTo(first);
            assertThat(many.load(2, 1).pixels()).isNotEqualTo(first);
        }
    }

    @Test
    void impossibleAmountsAreRefused() {
        assertThatThrownBy(() -> Augmentation.warp(-0.1, 0, 0)).hasMessageContaining("shift (-0.1)");
        assertThatThrownBy(() -> Augmentation.blur(1.5)).hasMessageContaining("probability (1.5)");
        assertThatThrownBy(() -> Augmentation.erase(0.5, 0)).hasMessageContaining("area (0.0)");
    }
}
