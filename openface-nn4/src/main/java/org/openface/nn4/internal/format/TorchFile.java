package org.openface.nn4.internal.format;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Torch7's {@code .t7} files, binary and ascii: Lua's nil, numbers, strings, booleans and tables, and objects of the classes
 * that nn4 networks are made of. An object of another class, or a Lua function, is refused.
 *
 * <p>An object is written at its first mention with a number, later by that number alone; so tensors share a storage, and
 * anything may refer to anything. Binary files have integers of 4 bytes, longs of 8 and are little-endian, as Torch writes
 * them on 64-bit systems of today.
 *
 * <p>Source: torch7's {@code File.lua}, {@code generic/Tensor.c}, {@code generic/Storage.c}, {@code lib/TH/THDiskFile.c}.
 */
public final class TorchFile {
    private static final int NIL = 0;
    private static final int NUMBER = 1;
    private static final int STRING = 2;
    private static final int TABLE = 3;
    private static final int TORCH = 4;
    private static final int BOOLEAN = 5;
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

    /** What tensors and storages consist of. The values of the last four are read over: no weights are kept in them. */
    enum Kind {
        FLOAT("Float", 4),
        DOUBLE("Double", 8),
        CUDA("Cuda", 4),
        LONG("Long", 8),
        INT("Int", 4),
        BYTE("Byte", 1),
        CUDA_LONG("CudaLong", 8);

        final String torchName;
        final int bytes;

        Kind(String torchName, int bytes) {
            this.torchName = torchName;
            this.bytes = bytes;
        }

        boolean real() {
            return this == FLOAT || this == DOUBLE || this == CUDA;
        }
    }

    /** A Lua table; its keys are strings and numbers. Compared by identity, as in Lua. */
    public static final class Table {
        public final Map<Object, @Nullable Object> entries = new LinkedHashMap<>();

        @Nullable
        public Object get(Object key) {
            return entries.get(key);
        }

        public Table put(Object key, @Nullable Object value) {
            entries.put(key, value);
            return this;
        }

        /** A list: keys 1, 2 and so on. */
        static Table list(Iterable<?> elements) {
            Table table = new Table();
            double index = 1;
            for (Object element : elements) {
                table.put(index++, element);
            }
            return table;
        }
    }

    /** A module: its class and its fields. */
    public static final class TorchModule {
        public final String type;
        final int version;
        public Table fields = new Table();

        public TorchModule(String type, int version) {
            this.type = type;
            this.version = version;
        }
    }

    /** Values in a row. */
    public static final class Storage {
        final Kind kind;
        long length;
        /** The values of the kinds that weights are kept in. */
        float[] reals = {};
        /** The values of a written storage of whole numbers; not kept when read. */
        long[] longs = {};

        Storage(Kind kind) {
            this.kind = kind;
        }

        public static Storage of(float[] values) {
            Storage storage = new Storage(Kind.FLOAT);
            storage.length = values.length;
            storage.reals = values;
            return storage;
        }

        public static Storage of(long... values) {
            Storage storage = new Storage(Kind.LONG);
            storage.length = values.length;
            storage.longs = values;
            return storage;
        }
    }

    /** A view of a storage; the offset counts from 0 here, from 1 in the file. */
    public static final class Tensor {
        final Kind kind;
        public long[] size = {};
        public long[] stride = {};
        public long offset;

        @Nullable
        public Storage storage;

        Tensor(Kind kind) {
            this.kind = kind;
        }

        /** A tensor over a whole storage, row by row. */
        public static Tensor of(float[] values, long... size) {
            Tensor tensor = new Tensor(Kind.FLOAT);
            tensor.size = size;
            tensor.stride = new long[size.length];
            long step = 1;
            for (int d = size.length - 1; d >= 0; d--) {
                tensor.stride[d] = step;
                step *= size[d];
            }
            tensor.storage = Storage.of(values);
            return tensor;
        }

        static Tensor empty() {
            return new Tensor(Kind.FLOAT);
        }

        /** Number of values. */
        long count() {
            long count = size.length == 0 ? 0 : 1;
            for (long side : size) {
                count = count > Integer.MAX_VALUE ? count : count * side; // sides are below 2³¹
            }
            return count;
        }

        /**
         * Copies the values out, row by row.
         *
         * @param shape what the tensor must have; the dimensions after the first may be one, as in Torch's older
         *     convolutions
         * @throws IOException if the tensor has another shape, holds no real numbers or reaches beyond its storage
         */
        void copyTo(float[] target, List<Integer> shape, String name) throws IOException {
            List<Long> sides = Arrays.stream(size).boxed().toList();
            long rows = shape.get(0);
            if (!sides.equals(shape.stream().map(Integer::longValue).toList())
                    && !sides.equals(List.of(rows, target.length / rows))) {
                throw new IOException(name + " has the shape " + sides + ", expected was " + shape);
            }
            if (storage == null || !kind.real()) {
                throw new IOException(name + " has no weights but values of kind " + kind);
            }
            long last = offset;
            for (int d = 0; d < size.length; d++) {
                last += (size[d] - 1) * stride[d];
            }
            if (last >= storage.reals.length) {
                throw new IOException(name + " reaches beyond its storage of " + storage.reals.length + " values");
            }
            long[] at = new long[size.length];
            long place = offset;
            for (int i = 0; i < target.length; i++) {
                target[i] = storage.reals[(int) place];
                for (int d = size.length - 1; d >= 0; d--) {
                    place += stride[d];
                    if (++at[d] < size[d]) {
                        break;
                    }
                    place -= at[d] * stride[d];
                    at[d] = 0;
                }
            }
        }
    }

    private TorchFile() {}

    /** Whether a file that begins like this can be one that holds an object. */
    static boolean recognises(byte[] file) {
        return isBinary(file)
                || (file.length > 2 && file[0] == '4' && file[1] == '\n' && file[2] >= '0' && file[2] <= '9');
    }

    private static boolean isBinary(byte[] file) {
        return file.length >= 8
                && ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt() == TORCH;
    }

    /**
     * Reads the object in a file.
     *
     * @return a TorchModule, Table, Tensor, Storage, String, Double, Boolean or null
     * @throws IOException if the file is cut short, damaged, or holds a class that is not expected
     */
    public static @Nullable Object read(byte[] file) throws IOException {
        return new Reader(isBinary(file) ? new BinarySource(file) : new AsciiSource(file)).object(0);
    }

    private static final class Reader {
        private final Source source;
        private final Map<Integer, Object> known = new HashMap<>();
        private int values;

        Reader(Source source) {
            this.source = source;
        }

        @Nullable
        Object object(int depth) throws IOException {
            if (depth > LARGEST_NESTING || ++values > MOST_VALUES) {
                throw new IOException("the Torch file is damaged: it nests too deeply or holds too many values");
            }
            int type = source.integer();
            return switch (type) {
                case NIL -> null;
                case NUMBER -> source.real();
                case STRING -> string();
                case BOOLEAN -> source.integer() == 1;
                case TABLE, TORCH -> numbered(type, depth);
                case 6, 7, 8 -> throw new IOException("the Torch file holds a Lua function, which is not read");
                default -> throw new IOException(
                        "the Torch file is damaged: it has a value of the unknown type " + type);
            };
        }

        private Object numbered(int type, int depth) throws IOException {
            int index = source.integer();
            Object object = known.get(index);
            if (object != null) {
                if (object instanceof Table != (type == TABLE)) {
                    throw new IOException("the Torch file is damaged: object " + index + " is of two types");
                }
                return object;
            }
            if (type == TABLE) {
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
                    throw new IOException(
                            "the Torch file is damaged: class " + name + " has the version " + version, e);
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
                throw new IOException(
                        "the Torch file is damaged: a tensor over something that is no storage of its kind");
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

    private abstract static class Source {
        final ByteBuffer bytes;

        Source(byte[] file) {
            bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        }

        abstract int integer() throws IOException;

        abstract long longInteger() throws IOException;

        abstract double real() throws IOException;

        abstract byte[] characters(int count) throws IOException;

        abstract void fill(Storage storage) throws IOException;

        void need(long count) throws IOException {
            if (count > bytes.remaining()) {
                throw new IOException("the Torch file is cut short, or claims more than it holds");
            }
            if (count < 0) {
                throw new IOException("the Torch file is damaged: a length of " + count);
            }
        }

        byte[] raw(int count) throws IOException {
            need(count);
            byte[] raw = new byte[count];
            bytes.get(raw);
            return raw;
        }

        /** Announces so many values, of which the rest of the file holds no more than {@code most}. */
        void announce(Storage storage, long count, int most) throws IOException {
            if (count < 0 || count > most) {
                throw new IOException(
                        "the Torch file is cut short, or claims more than it holds: a storage of " + count + " values");
            }
            storage.length = count;
        }
    }

    private static final class BinarySource extends Source {
        BinarySource(byte[] file) {
            super(file);
        }

        @Override
        int integer() throws IOException {
            need(4);
            return bytes.getInt();
        }

        @Override
        long longInteger() throws IOException {
            need(8);
            return bytes.getLong();
        }

        @Override
        double real() throws IOException {
            need(8);
            return bytes.getDouble();
        }

        @Override
        byte[] characters(int count) throws IOException {
            return raw(count);
        }

        @Override
        void fill(Storage storage) throws IOException {
            announce(storage, longInteger(), bytes.remaining() / storage.kind.bytes);
            int count = (int) storage.length;
            if (storage.kind.real()) {
                storage.reals = new float[count];
                for (int i = 0; i < count; i++) {
                    storage.reals[i] = storage.kind == Kind.DOUBLE ? (float) bytes.getDouble() : bytes.getFloat();
                }
            } else {
                bytes.position(bytes.position() + count * storage.kind.bytes);
            }
        }
    }

    /** Numbers are words of text; after them, and after characters, one line end is taken away. */
    private static final class AsciiSource extends Source {
        private static final int LONGEST_WORD = 40;

        AsciiSource(byte[] file) {
            super(file);
        }

        private String word() throws IOException {
            while (bytes.hasRemaining() && bytes.get(bytes.position()) <= ' ') {
                bytes.get();
            }
            int start = bytes.position();
            while (bytes.hasRemaining() && bytes.get(bytes.position()) > ' ') {
                bytes.get();
                if (bytes.position() - start > LONGEST_WORD) {
                    throw new IOException("the Torch file is damaged: text where a number is expected");
                }
            }
            need(bytes.position() == start ? 1 : 0);
            String word = new String(bytes.array(), start, bytes.position() - start, ISO_8859_1);
            skipLineEnd();
            return word;
        }

        private void skipLineEnd() {
            if (bytes.hasRemaining() && bytes.get(bytes.position()) == '\n') {
                bytes.get();
            }
        }

        @Override
        int integer() throws IOException {
            long value = longInteger();
            if (value != (int) value) {
                throw notANumber(Long.toString(value), null);
            }
            return (int) value;
        }

        @Override
        long longInteger() throws IOException {
            String word = word();
            try {
                return Long.parseLong(word);
            } catch (NumberFormatException e) {
                throw notANumber(word, e);
            }
        }

        @Override
        double real() throws IOException {
            String word = word();
            try {
                return switch (word) {
                    case "nan", "-nan" -> Double.NaN;
                    case "inf" -> Double.POSITIVE_INFINITY;
                    case "-inf" -> Double.NEGATIVE_INFINITY;
                    default -> Double.parseDouble(word);
                };
            } catch (NumberFormatException e) {
                throw notANumber(word, e);
            }
        }

        @Override
        byte[] characters(int count) throws IOException {
            byte[] characters = raw(count);
            if (count > 0) {
                skipLineEnd();
            }
            return characters;
        }

        @Override
        void fill(Storage storage) throws IOException {
            if (storage.kind == Kind.BYTE) {
                announce(storage, longInteger(), bytes.remaining());
                characters((int) storage.length);
                return;
            }
            announce(storage, longInteger(), (bytes.remaining() + 1) / 2); // digits, and spaces between them
            int count = (int) storage.length;
            storage.reals = new float[storage.kind.real() ? count : 0];
            for (int i = 0; i < count; i++) {
                if (storage.kind.real()) {
                    storage.reals[i] = (float) real();
                } else {
                    longInteger();
                }
            }
        }

        private static IOException notANumber(String word, @Nullable Throwable cause) {
            return new IOException("the Torch file is damaged: '" + word + "' where a number is expected", cause);
        }
    }

    public static void write(OutputStream out, TorchModule root, boolean ascii) throws IOException {
        new Writer(ascii ? new AsciiSink(out) : new BinarySink(out)).object(root);
        out.flush();
    }

    private static final class Writer {
        private final Sink sink;
        private final IdentityHashMap<Object, Integer> numbers = new IdentityHashMap<>();

        Writer(Sink sink) {
            this.sink = sink;
        }

        void object(@Nullable Object object) throws IOException {
            if (object == null) {
                sink.integer(NIL);
            } else if (object instanceof Double number) {
                sink.integer(NUMBER);
                sink.real(number);
            } else if (object instanceof String string) {
                sink.integer(STRING);
                string(string);
            } else if (object instanceof Boolean flag) {
                sink.integer(BOOLEAN);
                sink.integer(flag ? 1 : 0);
            } else {
                sink.integer(object instanceof Table ? TABLE : TORCH);
                Integer number = numbers.get(object);
                if (number != null) {
                    sink.integer(number);
                } else {
                    numbers.put(object, numbers.size() + 1);
                    sink.integer(numbers.size());
                    contents(object);
                }
            }
        }

        private void contents(Object object) throws IOException {
            if (object instanceof Table table) {
                sink.integer(table.entries.size());
                for (Map.Entry<Object, @Nullable Object> entry : table.entries.entrySet()) {
                    object(entry.getKey());
                    object(entry.getValue());
                }
            } else if (object instanceof TorchModule module) {
                type(module.version, module.type);
                object(module.fields);
            } else if (object instanceof Tensor tensor) {
                type(1, "torch." + tensor.kind.torchName + "Tensor");
                sink.integer(tensor.size.length);
                sink.longs(tensor.size);
                sink.longs(tensor.stride);
                sink.longs(tensor.offset + 1);
                object(tensor.storage);
            } else if (object instanceof Storage storage) {
                type(1, "torch." + storage.kind.torchName + "Storage");
                sink.longs(storage.length);
                if (storage.kind == Kind.LONG) {
                    sink.longs(storage.longs);
                } else {
                    sink.floats(storage.reals);
                }
            } else {
                throw new IllegalArgumentException("Torch has no " + object.getClass());
            }
        }

        private void type(int version, String name) throws IOException {
            string("V " + version);
            string(name);
        }

        private void string(String string) throws IOException {
            byte[] characters = string.getBytes(ISO_8859_1);
            sink.integer(characters.length);
            sink.characters(characters);
        }
    }

    private interface Sink {
        void integer(int value) throws IOException;

        void real(double value) throws IOException;

        void longs(long... values) throws IOException;

        void floats(float[] values) throws IOException;

        void characters(byte[] characters) throws IOException;
    }

    private static final class BinarySink implements Sink {
        private final OutputStream out;
        private final ByteBuffer eight = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);

        BinarySink(OutputStream out) {
            this.out = out;
        }

        @Override
        public void integer(int value) throws IOException {
            out.write(eight.putInt(0, value).array(), 0, 4);
        }

        @Override
        public void real(double value) throws IOException {
            out.write(eight.putDouble(0, value).array());
        }

        @Override
        public void longs(long... values) throws IOException {
            for (long value : values) {
                out.write(eight.putLong(0, value).array());
            }
        }

        @Override
        public void floats(float[] values) throws IOException {
            ModelFile.writeFloats(out, values);
        }

        @Override
        public void characters(byte[] characters) throws IOException {
            out.write(characters);
        }
    }

    private static final class AsciiSink implements Sink {
        private final OutputStream out;

        AsciiSink(OutputStream out) {
            this.out = out;
        }

        private void line(String text) throws IOException {
            out.write((text + "\n").getBytes(ISO_8859_1));
        }

        @Override
        public void integer(int value) throws IOException {
            line(Integer.toString(value));
        }

        @Override
        public void real(double value) throws IOException {
            line(
                    value == Math.rint(value) && Math.abs(value) < 1e15
                            ? Long.toString((long) value)
                            : Double.toString(value));
        }

        @Override
        public void longs(long... values) throws IOException {
            StringBuilder line = new StringBuilder();
            for (long value : values) {
                line.append(line.isEmpty() ? "" : " ").append(value);
            }
            if (values.length > 0) {
                line(line.toString());
            }
        }

        @Override
        public void floats(float[] values) throws IOException {
            for (int i = 0; i < values.length; i++) {
                // the shortest digits that give the same float again
                out.write((values[i] + (i == values.length - 1 ? "\n" : " ")).getBytes(ISO_8859_1));
            }
        }

        @Override
        public void characters(byte[] characters) throws IOException {
            out.write(characters);
            if (characters.length > 0) {
                out.write('\n');
            }
        }
    }
}
