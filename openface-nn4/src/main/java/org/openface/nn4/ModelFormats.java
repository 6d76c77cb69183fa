package org.openface.nn4;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Tells the formats of model files apart by how they begin, and reads them. */
final class ModelFormats {
    /** nn2 in Torch's ascii takes 200 MB. */
    private static final long LARGEST_FILE = 1L << 30;

    private ModelFormats() {}

    static ModelFile.Contents read(Path file) throws IOException {
        long size = Files.size(file);
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
    static ModelFile.Contents read(byte[] file) throws IOException {
        if (TorchFile.recognises(file)) {
            return TorchNetwork.contents(TorchFile.read(file));
        }
        if (Safetensors.recognises(file)) {
            return Safetensors.read(file);
        }
        if (file.length > 2 && ((file[0] == 'P' && file[1] == 'K') || file[0] == (byte) 0x80)) { // a zip, or a pickle
            throw new IOException(
                    "this is a PyTorch file, which can hold any program; in Python, write the tensors with"
                            + " safetensors.torch.save_file and load that");
        }
        return ModelFile.read(new ByteArrayInputStream(file), file.length);
    }
}
