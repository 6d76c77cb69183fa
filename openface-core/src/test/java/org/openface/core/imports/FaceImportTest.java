package org.openface.core.imports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.common.io.Resources;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.eval.Verification;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.image.Png;

class FaceImportTest {
    private static final byte[] MAGIC = {0x0a, 0x23, (byte) 0xd7, (byte) 0xce};

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path temp;

    private static byte[] png(int number) {
        return Png.encode(2, 2, new byte[] {(byte) number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, null);
    }

    /** A PPM whose pixels are the magic number of RecordIO again and again. */
    private static byte[] treacherous() {
        byte[] head = "P6 4 4 255 \n".getBytes(StandardCharsets.US_ASCII);
        byte[] all = Arrays.copyOf("P6\n4   4\n255\n\n\n\n".getBytes(StandardCharsets.US_ASCII), 12 + 48);
        System.arraycopy("P6 4 4\n 255\n".getBytes(StandardCharsets.US_ASCII), 0, all, 0, head.length);
        for (int i = 12; i + 4 <= all.length; i += 12) {
            System.arraycopy(MAGIC, 0, all, i, 4);
        }
        return all;
    }

    private static Map<String, byte[]> files(Path folder) throws IOException {
        Map<String, byte[]> files = new TreeMap<>();
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                files.put(folder.relativize(file).toString(), Files.readAllBytes(file));
            }
        }
        return files;
    }

    private static void assertSameFiles(Path one, Map<String, byte[]> expected) throws IOException {
        Map<String, byte[]> found = files(one);
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, bytes) -> assertThat(found.get(name)).as(name).isEqualTo(bytes));
    }

    private static byte[] record(int label, byte[] image) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] header = ByteBuffer.allocate(24)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(0)
                .putFloat(label)
                .array();
        byte[] data = Arrays.copyOf(header, header.length + image.length);
        System.arraycopy(image, 0, data, header.length, image.length);
        out.writeBytes(MAGIC);
        out.writeBytes(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(data.length)
                .array());
        out.writeBytes(data);
        out.writeBytes(new byte[-data.length & 3]);
        return out.toByteArray();
    }

    @Test
    void readsWhatPythonWrites() throws Exception {
        Path images = Files.createDirectory(temp.resolve("images"));
        Path sets = Files.createDirectory(temp.resolve("sets"));
        List<byte[]> contents = new ArrayList<>();
        for (int i = 0; i < 11; i++) {
            byte[] image = i == 4 ? treacherous() : png(i);
            contents.add(image);
            Files.write(images.resolve(String.format(Locale.ROOT, "%03d-%03d.img", i / 3, i)), image);
        }
        Path script = temp.resolve("write_sets.py");
        Files.write(script, Resources.toByteArray(Resources.getResource(FaceImportTest.class, "write_sets.py")));
        assumeTrue(python(script, images, sets), "there is no Python 3");
        Map<String, byte[]> before = files(sets);

        Path fromRec = temp.resolve("rec");
        FaceImport.Report report =
                FaceImport.from(FaceSources.recordIo(sets.resolve("train.rec"))).into(fromRec);
        assertThat(report.summary()).isEqualTo("11 images written, 0 there already, 0 refused");
        Path fromTsv = temp.resolve("tsv");
        FaceImport.from(FaceSources.msCeleb(sets.resolve("faces.tsv"))).into(fromTsv);
        for (int i = 0; i < 11; i++) {
            String ending = i == 4 ? "ppm" : "png";
            assertThat(fromRec.resolve(String.format(Locale.ROOT, "%07d/%08d.%s", i / 3, i + 1, ending)))
                    .hasBinaryContent(contents.get(i));
            assertThat(fromTsv.resolve(String.format(Locale.ROOT, "m.%05d/%d-FaceId-0.%s", i / 3, i, ending)))
                    .hasBinaryContent(contents.get(i));
        }
        assertThat(FaceDataset.index(fromRec).size()).isEqualTo(11);
        for (int protocol = 2; protocol < 5; protocol++) {
            Path bin = sets.resolve("pairs-" + protocol + ".bin");
            List<RgbImage> seen = new ArrayList<>();
            assertThat(Verification.insightFace(bin).size()).isEqualTo(5);
            Verification.insightFace(bin).evaluate(collecting(seen));
            assertThat(seen).hasSize(10);
            assertThat(seen.get(3).red(0, 0)).isEqualTo(3);
        }
        assertSameFiles(sets, before);
    }

    private static FaceEmbedder collecting(List<RgbImage> seen) {
        return new FaceEmbedder() {
            @Override
            public int imageSize() {
                return 2;
            }

            @Override
            public int dimension() {
                return 1;
            }

            @Override
            public EmbeddingBatch embed(List<RgbImage> faces) {
                seen.addAll(faces);
                return new EmbeddingBatch(1, new float[faces.size()]);
            }
        };
    }

    private static boolean python(Path script, Path images, Path sets) throws InterruptedException {
        try {
            return new ProcessBuilder("python3", script.toString(), images.toString(), sets.toString())
                            .inheritIO()
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        }
    }

    @Test
    void goesOnWhereItWasKilledAndIsTheSameEachTime() throws IOException {
        FaceSource source = sink -> {
            for (int i = 0; i < 600; i++) {
                sink.face("p" + i % 5, "" + i, png(i));
            }
        };
        Path whole = temp.resolve("whole");
        FaceImport.from(source).into(whole);
        Path folder = temp.resolve("folder");
        assertThat(catchThrowable(() -> FaceImport.from(sink -> {
                            for (int i = 0; i < 300; i++) {
                                sink.face("p" + i % 5, "" + i, png(i));
                            }
                            throw new IllegalStateException("killed");
                        })
                        .into(folder)))
                .hasMessage("killed");
        FaceImport.Report report = FaceImport.from(source).into(folder);
        assertThat(report.there()).isEqualTo(256);
        assertThat(report.written()).isEqualTo(344);
        assertSameFiles(folder, files(whole));
        FaceImport.Report again = FaceImport.from(source).into(folder);
        assertThat(again.written()).isZero();
        assertSameFiles(folder, files(whole));
    }

    @Test
    void namesAndImagesAreNotTrusted() throws IOException {
        Path folder = temp.resolve("a").resolve("folder");
        List<String> hostile = List.of(
                "..",
                ".",
                "",
                "../b",
                "/etc",
                "a/b",
                "a\\b",
                "c:d",
                "x\0y",
                "new\nline",
                ".hidden",
                "end.",
                "end ",
                "nul",
                "COM1.png",
                "x".repeat(201));
        FaceSource source = sink -> {
            for (String name : hostile) {
                sink.face(name, "1", png(1));
                if (!name.equals("COM1.png")) {
                    sink.face("ann", name, png(1));
                }
            }
            sink.face("ann", "1", png(1));
            sink.face("ANN", "2", png(1));
            sink.face("ann", "One.png", png(1));
            sink.face("ann", "one", png(2));
            sink.face("ann", "3", new byte[0]);
            sink.face("ann", "4", "text".getBytes(StandardCharsets.US_ASCII));
            sink.face("ann", "5", "RIFF....WEBPVP8 ".getBytes(StandardCharsets.US_ASCII));
            sink.face("ann", "6", Arrays.copyOf(png(1), 2000));
            sink.unreadable("the seventh", "a tab\tin it");
        };
        FaceImport.Report report = FaceImport.from(source).imageBytes(1000).into(folder);
        assertThat(report.written()).isEqualTo(2);
        assertThat(report.refused()).isEqualTo(2 * hostile.size() - 1 + 7);
        assertThat(files(temp).keySet())
                .containsExactly("a/folder/ann/1.png", "a/folder/ann/One.png", "a/folder/" + FaceImport.REPORT);
        List<String> lines = Files.readAllLines(folder.resolve(FaceImport.REPORT));
        assertThat(lines).hasSize((int) report.refused() + 1).allMatch(line -> line.split("\t", -1).length == 2);
        assertThat(String.join("\n", lines))
                .contains("ANN/2\tthe identity is taken for ann")
                .contains("ann/one\ta name that was there already")
                .contains("ann/3\tempty")
                .contains("ann/4\tnot an image")
                .contains("ann/5\ta WebP file; convert it")
                .contains("ann/6\t2000 bytes; the limit is 1000");
    }

    @Test
    void nothingThatIsThereIsReplaced() throws IOException {
        Path folder = temp.resolve("folder");
        Files.createDirectories(folder.resolve("ann"));
        Files.write(folder.resolve("ann").resolve("1.png"), png(9));
        Files.createSymbolicLink(folder.resolve("bob"), Files.createDirectory(temp.resolve("elsewhere")));
        FaceImport.Report report = FaceImport.from(sink -> {
                    sink.face("ann", "1", png(1));
                    sink.face("bob", "1", png(1));
                })
                .into(folder);
        assertThat(report.refused()).isEqualTo(2);
        assertThat(folder.resolve("ann").resolve("1.png")).hasBinaryContent(png(9));
        assertThat(temp.resolve("elsewhere")).isEmptyDirectory();
    }

    @Test
    void readsTablesOfFiles() throws IOException {
        Path root = Files.createDirectory(temp.resolve("root"));
        Files.createDirectory(root.resolve("x"));
        Files.write(root.resolve("x").resolve("a, \"b\".png"), png(1));
        Files.write(root.resolve("2.png"), png(2));
        Files.write(temp.resolve("secret.png"), png(3));
        Files.createSymbolicLink(root.resolve("link.png"), temp.resolve("secret.png"));
        Path table = Files.writeString(
                temp.resolve("faces.csv"),
                "\ufeffidentity,more,path\r\nann,,\"x/a, \"\"b\"\".png\"\r\n\"bob\",1,2.png\neve,,../secret.png\neve,,"
                        + temp.resolve("secret.png") + "\neve,,link.png\neve,,missing.png\neve,too few\n");
        FaceImport.Report report = FaceImport.from(FaceSources.csv(table, root)).into(temp.resolve("out"));
        assertThat(report.examples())
                .hasSize(6)
                .anyMatch(line -> line.contains("row 4: ../secret.png lies outside"))
                .anyMatch(line -> line.contains("row 6: link.png lies outside"))
                .anyMatch(line -> line.contains("row 7: cannot read missing.png"))
                .anyMatch(line -> line.contains("row 8: 2 cells instead of 3"))
                .anyMatch(line -> line.contains("x-a, \"b\".png: the name has characters"));
        assertThat(files(temp.resolve("out")).keySet()).containsExactly("bob/2.png", FaceImport.REPORT);
        Files.writeString(table, "path,person\n");
        assertThat(FaceImport.from(FaceSources.csv(table, root))
                        .into(temp.resolve("other"))
                        .ended())
                .hasValueSatisfying(why -> assertThat(why).contains("must name the columns path and identity"));
    }

    @Test
    void readsDeeperFolders() throws IOException {
        Path root = temp.resolve("root");
        for (String place : List.of("asia/ann/1.png", "asia/ann/old/1.png", "europe/bob/1.png", "europe/1.png")) {
            Files.createDirectories(root.resolve(place).getParent());
            Files.write(root.resolve(place), png(place.length()));
        }
        FaceImport.Report report = FaceImport.from(FaceSources.folder(root, 2)).into(temp.resolve("out"));
        assertThat(report.examples()).containsExactly("europe/1.png: lies higher than the people's folders");
        assertThat(files(temp.resolve("out")).keySet())
                .containsExactly("ann/1.png", "ann/old-1.png", "bob/1.png", FaceImport.REPORT);
    }

    /** Cut and mutated files: clear errors, no hang; what is whole is imported. */
    private void mutate(int count) throws IOException {
        ByteArrayOutputStream rec = new ByteArrayOutputStream();
        StringBuilder tsv = new StringBuilder();
        for (int i = 0; i < 12; i++) {
            rec.writeBytes(record(i / 2, png(i)));
            tsv.append("m.")
                    .append(i / 2)
                    .append('\t')
                    .append(i)
                    .append("\ta\tb\tF\tAA\t")
                    .append(Base64.getEncoder().encodeToString(png(i)))
                    .append('\n');
        }
        // protocol 2 as Python 2 wrote it
        ByteArrayOutputStream bin = new ByteArrayOutputStream();
        bin.writeBytes(new byte[] {(byte) 0x80, 2, ']', 'q', 0, '('});
        for (int i = 0; i < 4; i++) {
            byte[] image = png(i);
            bin.write('T');
            bin.writeBytes(ByteBuffer.allocate(4)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(image.length)
                    .array());
            bin.writeBytes(image);
        }
        bin.writeBytes(new byte[] {'e', ']', 'q', 1, '(', (byte) 0x88, (byte) 0x89, 'e', (byte) 0x86, 'q', 2, '.'});
        Random random = new Random(7);
        Path file = temp.resolve("mutated");
        Path out = temp.resolve("out");
        Files.write(file, bin.toByteArray());
        assertThat(Verification.insightFace(file).size()).isEqualTo(2);
        long most = 0;
        for (int i = 0; i < count; i++) {
            byte[] whole =
                    switch (i % 3) {
                        case 0 -> rec.toByteArray();
                        case 1 -> tsv.toString().getBytes(StandardCharsets.UTF_8);
                        default -> bin.toByteArray();
                    };
            byte[] mutated = random.nextInt(4) == 0 ? Arrays.copyOf(whole, random.nextInt(whole.length)) : whole;
            for (int k = random.nextInt(4); k >= 0 && mutated.length > 0; k--) {
                mutated[random.nextInt(mutated.length)] = (byte) random.nextInt();
            }
            Files.write(file, mutated);
            if (i % 3 == 2) {
                try {
                    Verification.insightFace(file);
                } catch (IOException e) {
                    assertThat(e).hasMessageContaining(file.toString());
                }
            } else {
                FaceImport.Report report = FaceImport.from(
                                i % 3 == 0 ? FaceSources.recordIo(file) : FaceSources.msCeleb(file))
                        .into(out);
                most = Math.max(most, report.written() + report.there());
            }
        }
        assertThat(most).isGreaterThan(9);
    }

    @Test
    void damagedFilesAreToldClearly() throws IOException {
        mutate(300);
    }

    @Test
    @Tag("soak")
    void tenThousandDamagedFilesAreToldClearly() throws IOException {
        mutate(10_000);
    }

    @Test
    void aDamagedRecordCostsOnlyItself() throws IOException {
        ByteArrayOutputStream rec = new ByteArrayOutputStream();
        int place = 0;
        for (int i = 0; i < 6; i++) {
            place = i == 3 ? rec.size() : place;
            rec.writeBytes(record(i, png(i)));
        }
        byte[] bytes = rec.toByteArray();
        bytes[place + 7] = 0x1f; // a length of half a gigabyte
        Path file = Files.write(temp.resolve("train.rec"), bytes);
        FaceImport.Report report = FaceImport.from(FaceSources.recordIo(file)).into(temp.resolve("out"));
        assertThat(report.written()).isEqualTo(5);
        assertThat(report.examples())
                .hasSize(1)
                .first()
                .asString()
                .contains("record 3 at byte " + place)
                .contains("cut short");
        Files.write(file, "nothing of the kind".getBytes(StandardCharsets.US_ASCII));
        assertThat(FaceImport.from(FaceSources.recordIo(file))
                        .into(temp.resolve("none"))
                        .ended())
                .hasValueSatisfying(why -> assertThat(why).contains("no RecordIO file"));
    }
}
