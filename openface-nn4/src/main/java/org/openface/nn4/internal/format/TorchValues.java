package org.openface.nn4.internal.format;

import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What Torch7's {@code .t7} files hold, binary and ascii: Lua's nil, numbers, strings, booleans and tables, and objects of the
 * classes that nn4 networks are made of. {@link TorchReader} reads them, {@link TorchWriter} writes them.
 *
 * <p>An object is written at its first mention with a number, later by that number alone; so tensors share a storage, and
 * anything may refer to anything. Binary files have integers of 4 bytes, longs of 8 and are little-endian, as Torch writes
 * them on 64-bit systems of today.
 *
 * <p>Source: torch7's {@code File.lua}, {@code generic/Tensor.c}, {@code generic/Storage.c}, {@code lib/TH/THDiskFile.c}.
 */
public final class TorchValues {
    // How a file announces each.
    static final int NIL = 0;
    static final int NUMBER = 1;
    static final int STRING = 2;
    static final int TABLE = 3;
    static final int TORCH = 4;
    static final int BOOLEAN = 5;

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

    private TorchValues() {}
}
