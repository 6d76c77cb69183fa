package org.openface.nn4.internal.format;

import static java.util.Objects.requireNonNull;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

/**
 * A model, or the whole state of a training, as a {@link Safetensors} file, protected by a checksum.
 *
 * <p>Tensors, all F32: those of the network under this library's names, in a training's state those that are trained on, in a
 * saved model those that it embeds with; then the optimiser's memory under {@code openface.optimizer.} and PyTorch's name of
 * it, as in {@code openface.optimizer.exp_avg.conv1.weight}; then the average of every tensor of the network, as in
 * {@code openface.average.conv1.weight}. A program that loads state dicts so finds the weights, and may leave out what begins
 * with {@code openface.}.
 *
 * <p>Metadata: {@code format}, which is {@code pt}; {@code openface.version}, {@code openface.variant},
 * {@code openface.embeddingSize}, {@code openface.optimizer} (empty for none), {@code openface.steps},
 * {@code openface.averaged} (if so), the passport's entries under the same prefix, and {@code openface.sha256}, the checksum of
 * a {@link Manifest} of all metadata and tensors.
 *
 * <p>A file with {@code openface.version} or {@code openface.sha256} must have both, and its checksum must fit: a changed bit
 * anywhere is refused. Another program that changes a file on purpose leaves out both (as those do that write no metadata);
 * the file then is read as any network in safetensors, and of the optimiser nothing.
 *
 * <p>Versions 1 to 4 were no safetensors; see {@link EarlierModelFile}.
 */
public final class ModelFile {
    private static final int VERSION = 5;
    private static final String VERSION_KEY = Safetensors.PREFIX + "version";
    private static final String CHECKSUM_KEY = Safetensors.PREFIX + "sha256";

    /** What every network of this library takes: RGB, values from 0 to 1, nothing subtracted. */
    public static final String RGB = "RGB 0..1";

    public static final int LARGEST_EMBEDDING = 1 << 16;

    private static final String ON_PURPOSE =
            "a program that changes a model on purpose leaves out " + VERSION_KEY + " and " + CHECKSUM_KEY;

    private static final String NO_MODEL =
            "this is not an OpenFace model: it is no safetensors and does not begin with OPENFACE";

    /** Enough to tell the own formats apart. */
    private static final int START = 9;

    /**
     * What a file holds.
     *
     * @param passport as keys and values, which this package neither reads nor checks
     */
    public record Contents(
            Architecture network,
            int embeddingSize,
            Parameters parameters,
            OptimizerMemory memory,
            Map<String, String> passport) {}

    private ModelFile() {}

    public static void write(OutputStream out, Contents contents) throws IOException {
        ModelHeader model = ModelHeader.of(contents);
        List<float[]> arrays = ModelHeader.arrays(contents);
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("format", "pt");
        metadata.put(VERSION_KEY, Integer.toString(VERSION));
        model.fields().forEach((key, value) -> metadata.put(Safetensors.PREFIX + key, value));
        SafetensorsHeader header = SafetensorsHeader.of(metadata, model.tensors());
        // The checksum stands before what it is of, and a stream has no way back: so the numbers are gone through
        // twice.
        Manifest manifest = new Manifest();
        metadata.forEach(manifest::metadata);
        for (int i = 0; i < arrays.size(); i++) {
            manifest.tensor(header.tensors().get(i), Floats.sha256(arrays.get(i)));
        }
        metadata.put(CHECKSUM_KEY, manifest.sha256());
        new SafetensorsHeader(metadata, header.tensors()).write(out);
        for (float[] array : arrays) {
            Floats.write(out, array);
        }
        out.flush();
    }

    /** Whether a file that begins like this, and has so many bytes, can be one, or a network that another program wrote. */
    static boolean recognises(byte[] start, long size) {
        return EarlierModelFile.recognises(start) || SafetensorsHeader.recognises(start, size);
    }

    /**
     * Reads a model, also of an earlier version, or a network in safetensors; the stream may be read beyond its end.
     *
     * @param size bytes that the stream can have; a header that claims more is refused before anything is allocated for it
     * @throws IOException if this is no such file, of a newer version, cut short or changed
     */
    public static Contents read(InputStream in, long size) throws IOException {
        InputStream buffered = new BufferedInputStream(in);
        try {
            if (isEarlier(buffered, size)) {
                return EarlierModelFile.read(buffered, size);
            }
            SafetensorsHeader header = SafetensorsHeader.read(buffered, size);
            return isOwn(header)
                    ? requireNonNull(checked(buffered, header, modelHeader(header), true))
                    : Safetensors.read(buffered, header);
        } catch (EOFException e) {
            throw cutShort(e);
        }
    }

    /**
     * Reads the state of one network, also of an earlier version, from a stream of unknown length.
     *
     * @throws IOException as {@link #read}, or if it is another network's, saying which, or none that this library wrote
     */
    public static Contents readState(InputStream in, Architecture network, int embeddingSize) throws IOException {
        InputStream buffered = new BufferedInputStream(in);
        try {
            if (isEarlier(buffered, Long.MAX_VALUE)) {
                return EarlierModelFile.readState(buffered, network, embeddingSize);
            }
            SafetensorsHeader header = SafetensorsHeader.read(buffered, Long.MAX_VALUE);
            if (!isOwn(header)) {
                throw new IOException("this is no state of a training: its metadata have no " + VERSION_KEY
                        + "; load the file as a model, and train that");
            }
            ModelHeader model = modelHeader(header);
            Contents contents = checked(buffered, header, model, model.fits(network, embeddingSize));
            if (contents == null) {
                throw model.doesNotFit(network, embeddingSize);
            }
            return contents;
        } catch (EOFException e) {
            throw cutShort(e);
        }
    }

    /** Looks at the beginning of a stream, without reading on, and refuses what is neither safetensors nor earlier. */
    private static boolean isEarlier(InputStream in, long size) throws IOException {
        in.mark(START);
        byte[] start = in.readNBytes(START);
        in.reset();
        if (start.length < START) {
            throw new EOFException();
        }
        if (!recognises(start, size)) {
            throw new IOException(NO_MODEL);
        }
        return EarlierModelFile.recognises(start);
    }

    /** Either key is enough, so that damage to one of them does not make it a file of another program. */
    private static boolean isOwn(SafetensorsHeader header) {
        return header.metadata().containsKey(VERSION_KEY) || header.metadata().containsKey(CHECKSUM_KEY);
    }

    private static ModelHeader modelHeader(SafetensorsHeader header) throws IOException {
        String version = header.metadata().get(VERSION_KEY);
        if (version != null && !version.equals(Integer.toString(VERSION))) {
            throw ofVersion(version);
        }
        if (version == null || !header.metadata().containsKey(CHECKSUM_KEY)) {
            throw new IOException("the model is damaged: its metadata have no "
                    + (version == null ? VERSION_KEY : CHECKSUM_KEY) + "; " + ON_PURPOSE);
        }
        Map<String, String> fields = Safetensors.ownMetadata(header.metadata());
        fields.remove("version");
        fields.remove("sha256");
        return ModelHeader.of(fields);
    }

    /** Reads the tensors and holds them against the checksum; gives them back if they are wanted. */
    private static @Nullable Contents checked(
            InputStream in, SafetensorsHeader header, ModelHeader model, boolean wanted) throws IOException {
        Contents contents = null;
        Map<String, float[]> targets = new HashMap<>();
        if (wanted) {
            List<TensorSpec> specs = model.tensors();
            String difference = header.difference(specs);
            if (difference != null) {
                throw new IOException("the model is damaged: " + difference);
            }
            contents = model.unread();
            List<float[]> arrays = ModelHeader.arrays(contents);
            for (int i = 0; i < arrays.size(); i++) {
                targets.put(specs.get(i).name(), arrays.get(i));
            }
        }
        Manifest manifest = new Manifest();
        header.metadata().forEach((key, value) -> {
            if (!key.equals(CHECKSUM_KEY)) {
                manifest.metadata(key, value);
            }
        });
        for (SafetensorsTensor tensor : header.tensors()) {
            manifest.tensor(tensor, tensor.readHashed(in, targets.get(tensor.name())));
        }
        if (!manifest.sha256().equals(header.metadata().get(CHECKSUM_KEY))) {
            throw new IOException("the model is damaged: its checksum does not fit its contents; " + ON_PURPOSE);
        }
        if (contents != null) {
            contents.parameters().changed();
        }
        return contents;
    }

    private static IOException cutShort(EOFException e) {
        return new IOException("the model is cut short: the file ended before its contents", e);
    }

    static IOException ofVersion(String version) {
        return new IOException("the model has format version " + version + ", this library reads versions 1 to "
                + VERSION + "; use the library version that wrote it");
    }
}
