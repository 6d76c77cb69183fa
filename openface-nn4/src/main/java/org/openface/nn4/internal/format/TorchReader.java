package org.openface.nn4.internal.format;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.format.TorchValues.Kind;
import org.openface.nn4.internal.format.TorchValues.Storage;
import org.openface.nn4.internal.format.TorchValues.Table;
import org.openface.nn4.internal.format.TorchValues.Tensor;
import org.openface.nn4.internal.format.TorchValues.TorchModule;

/** Reads what a {@code .t7} file holds. An object of a class that no nn4 network has, or a Lua function, is refused. */
final class TorchReader {
    private static final int LARGEST_NESTING = 64;
    /** Values in a file; nn4 has some ten thousand. */
    private static final int MOST_VALUES = 200_000;

    /** The classes of module; cudnn's have the same fields as nn's. */
    private static final Set<String> MODULES = Set.of(
            "nn.Sequential",
            "nn.Concat",
            "nn.DepthConcat",
            "nn.Decorator",
            "nn.Inception",
            "nn.InceptionModule",
            "nn.SpatialConvolution",
            "nn.SpatialConvolutionMM",
            "nn.SpatialBatchNormalization",
            "nn.ReLU",
            "nn.SpatialMaxPooling",
            "nn.SpatialAveragePooling",
            "nn.SpatialLPPooling",
            "nn.Square",
            "nn.MulConstant",
            "nn.Sqrt",
            "nn.SpatialCrossMapLRN",
            "nn.View",
            "nn.Reshape",
            "nn.Linear",
            "nn.Normalize",
            "cudnn.SpatialConvolution",
            "cudnn.SpatialBatchNormalization",
            "cudnn.ReLU",
            "cudnn.SpatialMaxPooling",
            "cudnn.SpatialAveragePooling",
            "cudnn.SpatialCrossMapLRN");

    private final TorchSource source;
    private final Map<Integer, Object> known = new HashMap<>();
    private int values;

    private TorchReader(TorchSource source) {
        this.source = source;
    }

    /** Whether a file that begins like this can be one that holds an object. */
    static boolean recognises(byte[] file) {
        return isBinary(file)
                || (file.length > 2 && file[0] == '4' && file[1] == '\n' && file[2] >= '0' && file[2] <= '9');
    }

    private static boolean isBinary(byte[] file) {
        return file.length >= 8
                && ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt() == TorchValues.TORCH;
    }

    /**
     * Reads the object in a file.
     *
     * @return a TorchModule, Table, Tensor, Storage, String, Double, Boolean or null
     * @throws IOException if the file is cut short, damaged, or holds a class that is not expected
     */
    static @Nullable Object read(byte[] file) throws IOException {
        return new TorchReader(isBinary(file) ? new TorchSource.Binary(file) : new TorchSource.Ascii(file)).object(0);
    }

    private @Nullable Object object(int depth) throws IOException {
        if (depth > LARGEST_NESTING || ++values > MOST_VALUES) {
            throw new IOException("the Torch file is damaged: it nests too deeply or holds too many values");
        }
        int type = source.integer();
        return switch (type) {
            case TorchValues.NIL -> null;
            case TorchValues.NUMBER -> source.real();
            case TorchValues.STRING -> string();
            case TorchValues.BOOLEAN -> source.integer() == 1;
            case TorchValues.TABLE, TorchValues.TORCH -> numbered(type, depth);
            case 6, 7, 8 -> throw new IOException("the Torch file holds a Lua function, which is not read");
            default -> throw new IOException("the Torch file is damaged: it has a value of the unknown type " + type);
        };
    }

    private Object numbered(int type, int depth) throws IOException {
        int index = source.integer();
        Object object = known.get(index);
        if (object != null) {
            if (object instanceof Table != (type == TorchValues.TABLE)) {
                throw new IOException("the Torch file is damaged: object " + index + " is of two types");
            }
            return object;
        }
        if (type == TorchValues.TABLE) {
            Table table = new Table();
            known.put(index, table);
            fill(table, depth);
            return table;
        }
        String version = string();
        boolean versioned = version.startsWith("V ");
        String name = versioned ? string() : version;
        int number = 0;
        if (versioned) {
            try {
                number = Integer.parseInt(version.substring(2));
            } catch (NumberFormatException e) {
                throw new IOException("the Torch file is damaged: class " + name + " has the version " + version, e);
            }
        }
        for (Kind kind : Kind.values()) {
            if (name.equals("torch." + kind.torchName + "Storage")) {
                Storage storage = new Storage(kind);
                known.put(index, storage);
                source.fill(storage);
                return storage;
            }
            if (name.equals("torch." + kind.torchName + "Tensor")) {
                Tensor tensor = new Tensor(kind);
                known.put(index, tensor);
                fill(tensor, depth);
                return tensor;
            }
        }
        if (!MODULES.contains(name)) {
            throw new IOException("the Torch file holds an object of class " + name + ", which no nn4 network has");
        }
        TorchModule module = new TorchModule(name, number);
        known.put(index, module);
        if (!(object(depth + 1) instanceof Table fields)) {
            throw new IOException("the Torch file is damaged: a module " + name + " without fields");
        }
        module.fields = fields;
        return module;
    }

    private void fill(Table table, int depth) throws IOException {
        int size = source.integer();
        for (int i = 0; i < size; i++) { // each entry takes bytes of the file, so that this ends
            Object key = object(depth + 1);
            if (!(key instanceof String || key instanceof Double)) {
                throw new IOException("the Torch file has a table whose keys are neither strings nor numbers");
            }
            table.put(key, object(depth + 1));
        }
    }

    private void fill(Tensor tensor, int depth) throws IOException {
        int dimensions = source.integer();
        if (dimensions < 0 || dimensions > 8) {
            throw new IOException("the Torch file is damaged: a tensor of " + dimensions + " dimensions");
        }
        tensor.size = longs(dimensions);
        tensor.stride = longs(dimensions);
        tensor.offset = longs(1)[0] - 1;
        Object storage = object(depth + 1);
        if (storage instanceof Storage values && values.kind == tensor.kind) {
            tensor.storage = values;
        } else if (storage != null) {
            throw new IOException("the Torch file is damaged: a tensor over something that is no storage of its kind");
        }
        // a tensor of no values may say 0 or 1 for its offset
        tensor.offset = tensor.size.length == 0 ? 0 : tensor.offset;
        if (tensor.offset < 0) {
            throw new IOException("the Torch file is damaged: a tensor that begins before its storage");
        }
    }

    private long[] longs(int count) throws IOException {
        long[] longs = new long[count];
        for (int i = 0; i < count; i++) {
            longs[i] = source.longInteger();
            if (longs[i] < 0 || longs[i] > Integer.MAX_VALUE) {
                throw new IOException("the Torch file is damaged: a tensor with the size or stride " + longs[i]);
            }
        }
        return longs;
    }

    private String string() throws IOException {
        return new String(source.characters(source.integer()), ISO_8859_1);
    }
}
