package org.openface.core.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DatasetListingTest {
    private Path folder;

    @BeforeEach
    void writeFiles(@TempDir Path temp) throws IOException {
        folder = temp;
        for (String person : List.of("ann", "bob", "tab\tand\nline", "Zoë")) {
            for (String file : List.of("1.png", "10.png", "2.png", "ä\t.png")) {
                write(person, file, person + file);
            }
        }
    }

    private void write(String person, String file, String content) throws IOException {
        Files.writeString(Files.createDirectories(folder.resolve(person)).resolve(file), content);
    }

    private DatasetListing listing() throws IOException {
        return DatasetListing.of(FaceDataset.index(folder));
    }

    private static byte[] bytes(DatasetListing listing) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        listing.write(out);
        return out.toByteArray();
    }

    @Test
    void isReadAsItWasWritten() throws IOException {
        DatasetListing listing = listing();
        byte[] bytes = bytes(listing);
        DatasetListing read = DatasetListing.read(new ByteArrayInputStream(bytes));
        assertThat(read.fingerprint())
                .isEqualTo(listing.fingerprint())
                .isEqualTo(FaceDataset.index(folder).fingerprint());
        assertThat(bytes(read)).isEqualTo(bytes);
        assertThat(read.changes(listing, new BitSet()).isEmpty()).isTrue();
        for (int length = 0; length < bytes.length; length++) {
            byte[] cut = Arrays.copyOf(bytes, length);
            assertThatThrownBy(() -> DatasetListing.read(new ByteArrayInputStream(cut)))
                    .isInstanceOf(IOException.class);
        }
        // The header of a compressed file has bytes of no meaning.
        for (int at = 10; at < bytes.length; at++) {
            byte[] flipped = bytes.clone();
            flipped[at] ^= 4;
            assertThatThrownBy(() -> DatasetListing.read(new ByteArrayInputStream(flipped)))
                    .isInstanceOf(IOException.class);
        }
    }

    @Test
    void namesWhatIsGoneNewAndChanged() throws IOException {
        DatasetListing before = listing();
        Files.delete(folder.resolve("ann/10.png"));
        Files.delete(folder.resolve("Zoë/1.png"));
        write("ann", "0.png", "");
        write("eve", "3.png", "");
        write("bob", "2.png", "other");
        DatasetListing.Changes changes = before.changes(listing(), new BitSet());
        assertThat(changes.gone()).containsExactly("Zoë/1.png", "ann/10.png");
        assertThat(changes.added()).containsExactly("ann/0.png", "eve/3.png");
        assertThat(changes.changed()).containsExactly("bob/2.png");
        // Numbers are those of the earlier one: Zoë's come first.
        BitSet except = new BitSet();
        except.set(0);
        except.set(4 + 1);
        except.set(8 + 2);
        DatasetListing.Changes others = before.changes(listing(), except);
        assertThat(others.gone()).isEmpty();
        assertThat(others.changed()).isEmpty();
        assertThat(others.added()).hasSize(2);
    }

    @Test
    void aVanishedFileIsListedAsSuch() throws IOException {
        FaceDataset dataset = FaceDataset.index(folder);
        Files.delete(folder.resolve("bob/1.png"));
        DatasetListing listing = DatasetListing.of(dataset);
        assertThat(listing.fingerprint()).isEqualTo(dataset.fingerprint());
        FaceDataset without = FaceDataset.index(folder);
        assertThat(listing.fingerprint()).isNotEqualTo(without.fingerprint());
        assertThat(listing.changes(DatasetListing.of(without), new BitSet()).isEmpty())
                .isTrue();
        FaceDataset complete =
                DatasetListing.read(new ByteArrayInputStream(bytes(listing))).complete(without);
        assertThat(complete.faces()).isEqualTo(dataset.faces());
        // An empty file is another thing than none.
        write("bob", "1.png", "");
        assertThat(listing.fingerprint()).isNotEqualTo(FaceDataset.index(folder).fingerprint());
    }

    @Test
    void completesADataSetInPlace() throws IOException {
        DatasetListing before = listing();
        FaceDataset all = FaceDataset.index(folder);
        List<Face> faces = new ArrayList<>(all.faces());
        Collections.shuffle(faces, new Random(1));
        for (int left = faces.size(); left > 0; left--) {
            FaceDataset some = FaceDataset.of(faces.subList(0, left));
            FaceDataset complete = before.complete(some);
            assertThat(complete.identities()).isEqualTo(all.identities());
            assertThat(complete.faces())
                    .extracting(Face::fileName)
                    .isEqualTo(all.faces().stream().map(Face::fileName).toList());
            assertThat(complete.faces()).containsAll(some.faces());
        }
        write("eve", "1.png", "");
        assertThatThrownBy(() -> before.complete(FaceDataset.index(folder)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void isCompact() throws IOException {
        Path many = Files.createDirectory(folder.resolve("many"));
        for (int person = 0; person < 20; person++) {
            Path own = Files.createDirectory(many.resolve("person-" + person));
            for (int image = 0; image < 25; image++) {
                Files.write(
                        own.resolve("image-%04d.png".formatted(image)),
                        (person + " " + image).getBytes(StandardCharsets.UTF_8));
            }
        }
        assertThat(bytes(DatasetListing.of(FaceDataset.index(many)))).hasSizeLessThan(500 * 20);
    }
}
