package org.openface.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;

class BatchShapeTest {
    private static FaceDataset people(int count, int imagesOfEach) {
        List<Face> faces = new ArrayList<>();
        for (int person = 0; person < count; person++) {
            for (int image = 0; image < imagesOfEach; image++) {
                faces.add(new Face("p" + person, Path.of("p" + person, image + ".png")));
            }
        }
        return FaceDataset.of(faces);
    }

    @Test
    void aimsAtAHundredImages() {
        assertThat(BatchShape.fitting(people(1000, 50), null, null)).isEqualTo(new BatchShape(12, 8));
        assertThat(BatchShape.fitting(people(11, 200), null, null)).isEqualTo(new BatchShape(11, 9));
        assertThat(BatchShape.fitting(people(3, 200), null, null)).isEqualTo(new BatchShape(3, 33));
        assertThat(BatchShape.fitting(people(500, 3), null, null)).isEqualTo(new BatchShape(33, 3));
    }

    @Test
    void takesAllOfASmallDataSet() {
        assertThat(BatchShape.fitting(people(2, 2), null, null)).isEqualTo(new BatchShape(2, 2));
        assertThat(BatchShape.fitting(people(5, 4), null, null)).isEqualTo(new BatchShape(5, 4));
    }

    @Test
    void whatIsAskedForStands() {
        assertThat(BatchShape.fitting(people(30, 30), 15, 20)).isEqualTo(new BatchShape(15, 20));
        assertThat(BatchShape.fitting(people(30, 30), 20, null)).isEqualTo(new BatchShape(20, 5));
        assertThat(BatchShape.fitting(people(30, 30), null, 4)).isEqualTo(new BatchShape(25, 4));
    }

    @Test
    void refusesDataWithoutATriplet() {
        assertThatIllegalArgumentException().isThrownBy(() -> BatchShape.fitting(people(1, 9), null, null));
        assertThatIllegalArgumentException().isThrownBy(() -> BatchShape.fitting(people(9, 1), null, null));
    }
}
