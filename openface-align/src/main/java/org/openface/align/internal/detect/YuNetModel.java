package org.openface.align.internal.detect;

import com.google.common.hash.Hashing;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.openface.align.internal.ModelFiles;
import org.openface.align.internal.Sha256;

/**
 * A file with a YuNet face detector that OpenCV can run, checked before OpenCV sees it: since 4.8 it reads the outputs of
 * the models of 2023, and no longer those of 2021 and 2022.
 *
 * @param sha256 names the content
 */
public record YuNetModel(Path file, String sha256) {
    /** The file to take, as OpenCV's model zoo names it. */
    static final String FILE = "face_detection_yunet_2023mar.onnx";

    /** Of three grids each: whether there is a face, how well the box fits, the box, five points. */
    private static final List<String> OUTPUTS = Stream.of("cls", "obj", "bbox", "kps")
            .flatMap(output -> Stream.of(8, 16, 32).map(step -> output + "_" + step))
            .toList();

    private static final List<String> OUTPUTS_UNTIL_2022 = List.of("loc", "conf", "iou");

    /** The models have a third of a megabyte. */
    private static final long LARGEST = 1 << 26;

    /** Of ModelProto, GraphProto and ValueInfoProto in {@code onnx.proto}. */
    private static final int GRAPH = 7;

    private static final int OUTPUT = 12;
    private static final int NAME = 1;

    /**
     * Reads a file.
     *
     * @throws IOException if it cannot be read or is no such model; the message says what to take
     */
    public static YuNetModel read(Path file) throws IOException {
        ModelFiles.requireReadable(
                file,
                "YuNet needs face_detection_yunet_2022mar.onnx of OpenCV's model zoo, github.com/opencv/opencv_zoo");
        if (Files.size(file) > LARGEST) {
            throw new IOException(file + " is no YuNet model: it has " + Files.size(file) + " bytes");
        }
        byte[] onnx = Files.readAllBytes(file);
        if (new String(onnx, 0, Math.min(onnx.length, 30), StandardCharsets.ISO_8859_1)
                .startsWith("version https://git-lfs")) {
            throw new IOException(file + " is a pointer of Git LFS, not the model; fetch it with git lfs pull");
        }
        List<String> outputs;
        try {
            outputs = outputs(onnx);
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            throw new IOException(file + " is no ONNX model, or is damaged", e);
        }
        if (outputs.containsAll(OUTPUTS_UNTIL_2022)) {
            throw new IOException(
                    file + " is a YuNet model of 2021 or 2022, which OpenCV runs no longer since 4.8; take " + FILE);
        }
        if (!outputs.containsAll(OUTPUTS)) {
            throw new IOException(
                    file + " is no YuNet model: its outputs are " + outputs + ", not " + OUTPUTS + "; take " + FILE);
        }
        return new YuNetModel(file, Sha256.shortHex(Hashing.sha256().hashBytes(onnx)));
    }

    /** Names of the outputs of a network. */
    private static List<String> outputs(byte[] onnx) {
        List<String> names = new ArrayList<>();
        for (ByteBuffer graph : fields(ByteBuffer.wrap(onnx), GRAPH)) {
            for (ByteBuffer output : fields(graph, OUTPUT)) {
                for (ByteBuffer name : fields(output, NAME)) {
                    names.add(StandardCharsets.UTF_8.decode(name).toString());
                }
            }
        }
        return names;
    }

    /** The fields of a number in a protobuf message that are messages or strings. */
    private static List<ByteBuffer> fields(ByteBuffer message, int number) {
        ByteBuffer in = message.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        List<ByteBuffer> found = new ArrayList<>();
        while (in.hasRemaining()) {
            long key = varint(in);
            switch ((int) (key & 7)) {
                case 0 -> varint(in);
                case 1 -> in.getLong();
                case 5 -> in.getInt();
                case 2 -> {
                    long length = varint(in);
                    if (length < 0 || length > in.remaining()) {
                        throw new BufferUnderflowException();
                    }
                    if (key >>> 3 == number) {
                        found.add(in.slice(in.position(), (int) length));
                    }
                    in.position(in.position() + (int) length);
                }
                default -> throw new IllegalArgumentException("no protobuf field of type " + (key & 7));
            }
        }
        return found;
    }

    private static long varint(ByteBuffer in) {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE; shift += 7) {
            byte b = in.get();
            value |= (b & 0x7fL) << shift;
            if (b >= 0) {
                return value;
            }
        }
        throw new IllegalArgumentException("a number of more than 64 bits");
    }
}
