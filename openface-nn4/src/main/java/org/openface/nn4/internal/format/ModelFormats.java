package org.openface.nn4.internal.format;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Tells the formats of model files apart by how they begin, and reads them. */
public final class ModelFormats {
    /**
     * What an array holds. The largest network, nn2 with embeddings of {@link ModelFile#LARGEST_EMBEDDING}, takes 1.5 GB in
     * Torch's ascii.
     */
    private static final long LARGEST_FILE = Integer.MAX_VALUE - 8;

    /** Enough to tell formats apart. */
    private static final int START = 64;

    /** How files begin that are taken for models by mistake. */
    private static final Map<String, String> OTHERS = new LinkedHashMap<>();

    static {
        OTHERS.put("\u0089PNG", "a PNG image");
        OTHERS.put("\u00ff\u00d8\u00ff", "a JPEG image");
        OTHERS.put("BM", "a BMP image");
        OTHERS.put("\u0089HDF", "an HDF5 file, such as Keras writes");
        OTHERS.put("\u001f\u008b", "a file compressed with gzip; unpack it first");
        OTHERS.put("version https://git-lfs", "a pointer of Git LFS in place of the file; fetch it with git lfs pull");
        OTHERS.put("<", "a web page or XML");
    }

    private ModelFormats() {}

    public static ModelFile.Contents read(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new IOException(file + ": this is a folder; give the model file itself");
        }
        try {
            return readFile(file);
        } catch (NoSuchFileException e) {
            throw new IOException("there is no file " + file, e);
        } catch (AccessDeniedException e) {
            throw new IOException("no permission to read " + file, e);
        } catch (IOException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
    }

    private static ModelFile.Contents readFile(Path file) throws IOException {
        long size = Files.size(file);
        byte[] start;
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
            in.mark(START);
            start = in.readNBytes(START);
            if (!TorchReader.recognises(start) && ModelFile.recognises(start, size)) { // read as it comes
                in.reset();
                return ModelFile.read(in, size);
            }
        }
        if (!TorchReader.recognises(start)) {
            return read(start); // which says what it is
        }
        if (size > LARGEST_FILE) {
            throw new IOException("the file has " + size + " bytes, more than any network of this library");
        }
        return read(Files.readAllBytes(file));
    }

    /**
     * Reads a model.
     *
     * @throws IOException if this is in none of the formats, or damaged
     */
    public static ModelFile.Contents read(byte[] file) throws IOException {
        if (TorchReader.recognises(file)) {
            return TorchNetworkReader.contents(TorchReader.read(file));
        }
        if (OnnxFile.recognises(file)) {
            throw new IOException(
                    "this is an ONNX model: ONNX can be exported but not read, as batch-norm is folded into"
                            + " its weights; load the model it was exported from");
        }
        if (file.length > 2 && ((file[0] == 'P' && file[1] == 'K') || file[0] == (byte) 0x80)) { // a zip, or a pickle
            throw new IOException(
                    "this is a PyTorch file, which can hold any program; in Python, write the tensors with"
                            + " safetensors.torch.save_file and load that");
        }
        if (!ModelFile.recognises(file, file.length)) {
            String start = new String(Arrays.copyOf(file, Math.min(START, file.length)), ISO_8859_1);
            for (Map.Entry<String, String> other : OTHERS.entrySet()) {
                if (start.startsWith(other.getKey())) {
                    throw new IOException("this is not an OpenFace model but " + other.getValue());
                }
            }
        }
        return ModelFile.read(new ByteArrayInputStream(file), file.length);
    }
}
