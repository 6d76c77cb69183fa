package org.openface.core.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DatasetPrunerTest {
    @Test
    void leavesPeopleWithFewImagesOutAndSaysWhom(@TempDir Path folder) throws IOException {
        Folders.named(folder, 3, 1, 2, 5);
        List<String> before = Folders.relativeFiles(folder);
        DatasetPruner.Result result = DatasetPruner.minimumImages(3).prune(FaceDataset.index(folder));
        assertThat(result.kept().identities()).containsExactly("p0", "p3");
        assertThat(result.kept().size()).isEqualTo(8);
        assertThat(result.leftOut())
                .containsExactly(new DatasetPruner.LeftOut("p1", 1), new DatasetPruner.LeftOut("p2", 2));
        assertThat(Folders.relativeFiles(folder)).isEqualTo(before);
    }

    @Test
    void keepsEverybodyWhereOneImageIsEnough() {
        FaceDataset dataset = Folders.imagined(1, 1, 2);
        DatasetPruner.Result result = DatasetPruner.minimumImages(1).prune(dataset);
        assertThat(result.kept().faces()).isEqualTo(dataset.faces());
        assertThat(result.leftOut()).isEmpty();
    }

    @Test
    void saysWhenNobodyIsLeft() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DatasetPruner.minimumImages(10).prune(Folders.imagined(4, 9)))
                .withMessageContaining("none of 2 identities has minimumImages = 10 images (the most is 9)");
        assertThatIllegalArgumentException().isThrownBy(() -> DatasetPruner.minimumImages(0));
    }

    @Test
    void listsWhoIsKeptAndWhoIsNot(@TempDir Path folder) throws IOException {
        DatasetPruner.Result result = DatasetPruner.minimumImages(3)
                .prune(FaceDataset.index(Folders.named(folder.resolve("faces"), 3, 1, 4)));
        Path listing = folder.resolve("pruned.tsv");
        result.writeListing(listing);
        assertThat(listing).hasContent("result\tidentity\timages\nkept\tp0\t3\nleft out\tp1\t1\nkept\tp2\t4\n");
    }
}
