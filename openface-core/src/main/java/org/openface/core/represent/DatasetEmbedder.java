package org.openface.core.represent;

import static com.google.common.base.Preconditions.checkState;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceEmbedder;
import org.openface.core.image.RgbImage;
import org.openface.core.internal.AtomicFile;
import org.openface.core.internal.FileBytes;
import org.openface.core.internal.OwnerOnly;

/**
 * Embeds all faces of a data set into files: {@value #FILE}, which {@link EmbeddingFile} opens, and on demand OpenFace's
 * {@code labels.csv} and {@code reps.csv}. Images are read while the network computes; memory does not grow with their number.
 *
 * <p>A run that was killed is gone on with by running it again, as long as faces and model are the same; with others, or a
 * model that does not tell its fingerprint, it begins anew. The same faces and the same model give the same bytes.
 *
 * <pre>{@code
 * DatasetEmbedder.of(model).csv().onProgress(System.out::println).embed(FaceDataset.index(aligned), folder);
 * }</pre>
 *
 * <p>Source: OpenFace's {@code batch-represent/main.lua}.
 */
public final class DatasetEmbedder {
    /** The file of embeddings. */
    public static final String FILE = "embeddings.bin";

    /** Stands for a model that does not tell its fingerprint. */
    static final String UNKNOWN = "0".repeat(64);

    private static final String PART = ".embeddings.part";
    private static final String CHECKSUMS = ".embeddings.checksums";
    private static final int BATCH = 64;

    private final FaceEmbedder embedder;
    private boolean csv;
    private Consumer<Progress> listener = progress -> {};

    private DatasetEmbedder(FaceEmbedder embedder) {
        this.embedder = embedder;
    }

    /** A tool that embeds with a model. */
    public static DatasetEmbedder of(FaceEmbedder embedder) {
        return new DatasetEmbedder(embedder);
    }

    /**
     * Writes {@code labels.csv}, a line {@code number,file} for each face with the number of its identity from 1, and {@code
     * reps.csv}, a line of its values, as OpenFace does. Faces that cannot be read are in neither.
     */
    public DatasetEmbedder csv() {
        csv = true;
        return this;
    }

    /** Is told now and then how far it has come. */
    public DatasetEmbedder onProgress(Consumer<Progress> newListener) {
        listener = newListener;
        return this;
    }

    /**
     * How far it has come.
     *
     * @param done faces that are embedded or cannot be read, those of an earlier run included
     * @param all faces of the data set
     * @param imagesPerSecond of this run
     * @param secondsLeft at that rate
     */
    public record Progress(int done, int all, double imagesPerSecond, double secondsLeft) {}

    /**
     * What came of it.
     *
     * @param file the file of embeddings
     * @param embedded faces that have one
     * @param unreadable faces that cannot be read, by their files
     * @param resumedAt faces that an earlier run had done
     */
    public record Result(Path file, int embedded, List<Path> unreadable, int resumedAt) {
        public Result {
            unreadable = List.copyOf(unreadable);
        }
    }

    /**
     * Embeds a data set.
     *
     * @param folder for the files; is made if it is not there
     * @throws IllegalArgumentException if the model was trained on faces aligned otherwise
     * @throws IOException if the folder cannot be written to
     * @throws InterruptedIOException if the thread is interrupted; it stays interrupted, and a later run goes on
     * @throws IllegalStateException if the model returns values that are not finite, naming the image
     */
    public Result embed(FaceDataset dataset, Path folder) throws IOException {
        embedder.requireFitting(dataset.alignmentProfile());
        OwnerOnly.createDirectories(folder);
        EmbeddingFile.Head head = new EmbeddingFile.Head(
                embedder.dimension(),
                dataset.size(),
                dataset.fingerprint(),
                embedder.fingerprint().orElse(UNKNOWN));
        Path file = folder.resolve(FILE);
        int resumedAt = head.rows();
        if (!isDone(file, head)) {
            resumedAt = write(head, dataset, folder, file);
        }
        EmbeddingFile embeddings = EmbeddingFile.open(file);
        List<Path> unreadable = new ArrayList<>();
        float[] row = new float[head.dimension()];
        for (int i = 0; i < head.rows(); i++) {
            embeddings.copy(i, row, 0);
            if (Float.isNaN(row[0])) {
                unreadable.add(dataset.faces().get(i).file());
            }
        }
        if (csv) {
            writeCsv(embeddings, dataset, folder);
        }
        return new Result(file, head.rows() - unreadable.size(), unreadable, resumedAt);
    }

    private static boolean isDone(Path file, EmbeddingFile.Head head) {
        try {
            EmbeddingFile there = EmbeddingFile.open(file);
            there.verify();
            return !head.model().equals(UNKNOWN) && there.head().equals(head);
        } catch (IOException e) {
            return false;
        }
    }

    /** Returns how many rows were there already. */
    private int write(EmbeddingFile.Head head, FaceDataset dataset, Path folder, Path file) throws IOException {
        Path part = folder.resolve(PART);
        Path checksumFile = folder.resolve(CHECKSUMS);
        int[] checksums = new int[head.blocks()];
        int resumedAt;
        try (FileChannel rows = open(part);
                FileChannel sums = open(checksumFile)) {
            int block = blocksThere(head, rows, sums, checksums);
            int before = Math.min(head.rows(), block * EmbeddingFile.BLOCK);
            rows.truncate(EmbeddingFile.HEAD + before * head.rowBytes());
            sums.truncate((long) block * Integer.BYTES);
            FileBytes.write(rows, head.bytes(), 0);
            long start = System.nanoTime();
            CompletableFuture<List<@Nullable RgbImage>> next = reading(dataset, before);
            for (int first = before; first < head.rows(); ) {
                EmbeddingFile.Rows written =
                        new EmbeddingFile.Rows(Math.min(EmbeddingFile.BLOCK, head.rows() - first), head.dimension());
                int end = Math.min(head.rows(), first + EmbeddingFile.BLOCK);
                for (int at = first; at < end; at += BATCH) {
                    List<@Nullable RgbImage> images = await(next);
                    next = reading(dataset, at + images.size());
                    embed(images, at, dataset, head.dimension(), written);
                }
                checksums[block] = written.checksum();
                FileBytes.write(rows, written.bytes.flip(), EmbeddingFile.HEAD + first * head.rowBytes());
                FileBytes.write(
                        sums,
                        ByteBuffer.allocate(Integer.BYTES).putInt(0, checksums[block]),
                        (long) block * Integer.BYTES);
                block++;
                first = end;
                double seconds = (System.nanoTime() - start) / 1e9;
                double rate = (end - before) / seconds;
                listener.accept(new Progress(end, head.rows(), rate, (head.rows() - end) / rate));
            }
            finish(rows, head, dataset, checksums);
            rows.force(true);
            resumedAt = before;
        }
        AtomicFile.move(part, file);
        Files.deleteIfExists(checksumFile);
        return resumedAt;
    }

    private static FileChannel open(Path file) throws IOException {
        if (!Files.exists(file)) {
            Files.createFile(file, OwnerOnly.fileAttributes(file));
        }
        return FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    /** How many blocks an earlier run of the same faces and model has written whole. */
    private static int blocksThere(EmbeddingFile.Head head, FileChannel rows, FileChannel sums, int[] checksums)
            throws IOException {
        if (head.model().equals(UNKNOWN) || rows.size() < EmbeddingFile.HEAD) {
            return 0;
        }
        if (!FileBytes.read(rows, 0, EmbeddingFile.HEAD).equals(head.bytes())) {
            return 0;
        }
        for (int block = 0; block < checksums.length; block++) {
            int first = block * EmbeddingFile.BLOCK;
            int count = Math.min(EmbeddingFile.BLOCK, head.rows() - first);
            long place = EmbeddingFile.HEAD + first * head.rowBytes();
            long end = place + count * head.rowBytes();
            if (rows.size() < end || sums.size() < (block + 1L) * Integer.BYTES) {
                return block;
            }
            ByteBuffer bytes = FileBytes.read(rows, place, (int) (end - place));
            ByteBuffer sum = FileBytes.read(sums, (long) block * Integer.BYTES, Integer.BYTES);
            CRC32C crc = new CRC32C();
            crc.update(bytes);
            if ((int) crc.getValue() != sum.getInt()) {
                return block;
            }
            checksums[block] = (int) crc.getValue();
        }
        return checksums.length;
    }

    private CompletableFuture<List<@Nullable RgbImage>> reading(FaceDataset dataset, int from) {
        int block = from / EmbeddingFile.BLOCK * EmbeddingFile.BLOCK;
        int to = Math.min(dataset.size(), Math.min(from + BATCH, block + EmbeddingFile.BLOCK));
        int size = embedder.imageSize();
        return CompletableFuture.supplyAsync(() -> {
            List<@Nullable RgbImage> images = new ArrayList<>();
            IntStream.range(from, to)
                    .parallel()
                    .mapToObj(i -> new Read(image(dataset.faces().get(i), size)))
                    .toList()
                    .forEach(read -> images.add(read.image()));
            return images;
        });
    }

    private record Read(@Nullable RgbImage image) {}

    private static @Nullable RgbImage image(Face face, int size) {
        try {
            return face.read().resized(size, size);
        } catch (IOException e) {
            return null; // told by a row that is no number
        }
    }

    private static List<@Nullable RgbImage> await(CompletableFuture<List<@Nullable RgbImage>> images)
            throws InterruptedIOException {
        try {
            return images.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while faces were embedded; run it again to go on");
        } catch (ExecutionException e) {
            throw new IllegalStateException("reading faces failed: " + e.getCause(), e.getCause());
        }
    }

    private void embed(
            List<@Nullable RgbImage> images, int first, FaceDataset dataset, int dimension, EmbeddingFile.Rows rows) {
        List<RgbImage> readable = new ArrayList<>();
        for (RgbImage image : images) {
            if (image != null) {
                readable.add(image);
            }
        }
        float[] missing = new float[dimension];
        Arrays.fill(missing, Float.NaN);
        EmbeddingBatch batch =
                readable.isEmpty() ? new EmbeddingBatch(dimension, new float[0]) : embedder.embed(readable);
        checkState(
                batch.size() == readable.size() && batch.dimension() == dimension,
                "the model returns %s embeddings of dimension %s of %s images",
                batch.size(),
                batch.dimension(),
                readable.size());
        int bad = batch.firstNonFinite();
        int next = 0;
        for (int i = 0; i < images.size(); i++) {
            if (images.get(i) == null) {
                rows.add(missing);
                continue;
            }
            float[] values = batch.get(next).values();
            if (next == bad) {
                for (float value : values) {
                    checkState(
                            Float.isFinite(value),
                            "a value of the embedding of %s is %s: the model returns values that are not finite",
                            dataset.faces().get(first + i).file(),
                            value);
                }
            }
            next++;
            rows.add(values);
        }
    }

    private static void finish(FileChannel rows, EmbeddingFile.Head head, FaceDataset dataset, int[] checksums)
            throws IOException {
        ByteBuffer tail = ByteBuffer.allocate((head.rows() + checksums.length + 1) * Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < head.rows(); i++) {
            tail.putInt(dataset.identityOf(i));
        }
        for (int checksum : checksums) {
            tail.putInt(checksum);
        }
        CRC32C crc = new CRC32C();
        crc.update(head.bytes());
        crc.update(tail.array(), 0, tail.position());
        tail.putInt((int) crc.getValue());
        FileBytes.write(rows, tail.flip(), head.end());
        rows.truncate(head.end() + tail.limit());
    }

    private static void writeCsv(EmbeddingFile embeddings, FaceDataset dataset, Path folder) throws IOException {
        AtomicFile.write(
                folder.resolve("labels.csv"),
                out -> lines(
                        out,
                        embeddings,
                        (i, row) -> (dataset.identityOf(i) + 1)
                                + ","
                                + cell(dataset.faces().get(i).file().toString())));
        AtomicFile.write(
                folder.resolve("reps.csv"),
                out -> lines(out, embeddings, (i, row) -> {
                    StringBuilder line = new StringBuilder();
                    for (int k = 0; k < row.length; k++) {
                        line.append(k == 0 ? "" : ",").append(row[k]);
                    }
                    return line.toString();
                }));
    }

    /** By RFC 4180: in quotes where it must be. */
    private static String cell(String text) {
        return text.matches("(?s).*[\",\r\n].*") ? "\"" + text.replace("\"", "\"\"") + "\"" : text;
    }

    @FunctionalInterface
    private interface Line {
        String of(int face, float[] row);
    }

    private static void lines(OutputStream out, EmbeddingFile embeddings, Line line) throws IOException {
        Writer writer = new BufferedWriter(new OutputStreamWriter(out, UTF_8));
        float[] row = new float[embeddings.dimension()];
        for (int i = 0; i < embeddings.size(); i++) {
            embeddings.copy(i, row, 0);
            if (!Float.isNaN(row[0])) {
                writer.write(line.of(i, row) + "\n");
            }
        }
        writer.flush();
    }
}
