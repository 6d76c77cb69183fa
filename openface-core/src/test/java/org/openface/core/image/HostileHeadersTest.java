package org.openface.core.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openface.core.internal.image.EncodedPicture;

/**
 * Files whose headers claim anything, read in a Java runtime with little memory: each is a picture or an {@link
 * IOException}, and none takes more memory than its limits allow.
 */
class HostileHeadersTest {
    @TempDir
    Path folder;

    @Test
    void aDecodeThatRunsOutOfMemoryIsTheProblemOfItsFile() throws Exception {
        // 25 megapixels, 75 MB, in a file of 1 KB: within the limits, and beyond the memory of that runtime.
        ByteBuffer runs = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
        runs.put((byte) 'B').put((byte) 'M').putInt(1024).putInt(0).putInt(62).putInt(40);
        runs.putInt(5000).putInt(5000).putShort((short) 1).putShort((short) 8).putInt(1);
        runs.position(62).put(new byte[] {0, 1});
        Path file = Files.write(folder.resolve("large.bmp"), runs.array());
        String output = runtime("32m", "read", file.toString());
        assertThat(output)
                .contains(file + ": 25000000 pixels need more memory than there is")
                .contains("then the rest is read: 1");
    }

    @Test
    void someMutatedHeaders() throws Exception {
        assertThat(runtime("64m", "fuzz", "1", "400")).contains("done");
    }

    @Test
    @Tag("soak")
    void manyMutatedHeaders() throws Exception {
        for (int seed = 2; seed < 6; seed++) {
            assertThat(runtime("64m", "fuzz", Integer.toString(seed), "10000")).contains("done");
        }
    }

    private String runtime(String heap, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + heap,
                "-Djava.awt.headless=true",
                "-cp",
                System.getProperty("java.class.path"),
                Reader.class.getName(),
                folder.toString()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    /** Runs in a Java runtime of its own. */
    static final class Reader {
        private Reader() {}

        public static void main(String[] arguments) throws IOException {
            Path folder = Path.of(arguments[0]);
            if (arguments[1].equals("read")) {
                try {
                    ImageFiles.read(Path.of(arguments[2]));
                } catch (IOException e) {
                    System.out.println(e.getMessage());
                }
                Path small = folder.resolve("small.png");
                ImageFiles.writePng(RgbImage.of(1, 1, new byte[3]), small);
                System.out.println(
                        "then the rest is read: " + ImageFiles.read(small).width());
                return;
            }
            Random random = new Random(Long.parseLong(arguments[2]));
            List<byte[]> originals = originals();
            int count = Integer.parseInt(arguments[3]);
            for (int i = 0; i < count; i++) {
                Path file = folder.resolve("hostile");
                byte[] bytes = mutated(originals.get(i % originals.size()), random);
                Files.write(file, bytes);
                try {
                    EncodedPicture encoded = EncodedPicture.read(file, 1 << 20);
                    long pixels = encoded.pixels();
                    RgbImage image = ImageFiles.read(file, new ImageFiles.Limits(1 << 18, 1 << 20));
                    if (pixels != (long) image.width() * image.height()) {
                        throw new IllegalStateException(pixels + " declared, decoded " + image);
                    }
                } catch (IOException e) {
                    if (String.valueOf(e.getMessage()).contains("more memory")) {
                        Files.write(folder.resolve("culprit"), bytes);
                        throw new IllegalStateException("mutation " + i + " took the memory", e);
                    }
                }
            }
            System.out.println("done");
        }

        /** Numbers that headers should not hold, at any place near the beginning. */
        private static byte[] mutated(byte[] original, Random random) {
            byte[] bytes = original.clone();
            int[] extremes = {0, -1, 1, Integer.MAX_VALUE, Integer.MIN_VALUE, 0x7ffffff0, 1 << 24, 1 << 16, 255};
            for (int k = 1 + random.nextInt(3); k > 0; k--) {
                int at = random.nextInt(Math.min(bytes.length - 4, random.nextBoolean() ? 64 : 700));
                int value = random.nextInt(3) == 0 ? random.nextInt() : extremes[random.nextInt(extremes.length)];
                ByteBuffer target = ByteBuffer.wrap(bytes)
                        .order(random.nextBoolean() ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
                switch (random.nextInt(3)) {
                    case 0 -> target.put(at, (byte) value);
                    case 1 -> target.putShort(at, (short) value);
                    default -> target.putInt(at, value);
                }
            }
            return bytes;
        }

        private static List<byte[]> originals() throws IOException {
            List<byte[]> files = new ArrayList<>();
            for (int type : new int[] {
                BufferedImage.TYPE_3BYTE_BGR,
                BufferedImage.TYPE_BYTE_GRAY,
                BufferedImage.TYPE_BYTE_INDEXED,
                BufferedImage.TYPE_USHORT_565_RGB,
                BufferedImage.TYPE_4BYTE_ABGR
            }) {
                BufferedImage image = new BufferedImage(40, 30, type);
                for (int i = 0; i < 1200; i++) {
                    image.setRGB(i % 40, i / 40, 0xff000000 | i * 0x1357);
                }
                for (String format : new String[] {"png", "jpg", "bmp"}) {
                    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                    if (ImageIO.write(image, format, bytes)) {
                        files.add(bytes.toByteArray());
                        if (format.equals("png")) {
                            for (String chunk : new String[] {"tEXt", "zTXt", "iTXt", "iCCP", "PLTE", "tRNS", "hIST"}) {
                                files.add(withChunk(bytes.toByteArray(), chunk, new byte[300]));
                            }
                        }
                    }
                }
            }
            files.add(BmpTest.withRuns(4));
            files.add(BmpTest.withRuns(8));
            files.add("P6 40 30 255\n".concat("x".repeat(3600)).getBytes(StandardCharsets.US_ASCII));
            files.add("P2 40 30 255\n".concat("12 ".repeat(1200)).getBytes(StandardCharsets.US_ASCII));
            return files;
        }

        private static byte[] withChunk(byte[] png, String type, byte[] content) {
            byte[] name = type.getBytes(StandardCharsets.US_ASCII);
            CRC32 crc = new CRC32();
            crc.update(name);
            crc.update(content);
            ByteBuffer result = ByteBuffer.allocate(png.length + 12 + content.length);
            result.put(png, 0, 33).putInt(content.length).put(name).put(content).putInt((int) crc.getValue());
            return result.put(png, 33, png.length - 33).array();
        }
    }
}
