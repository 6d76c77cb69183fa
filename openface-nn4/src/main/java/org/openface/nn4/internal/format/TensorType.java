package org.openface.nn4.internal.format;

import java.nio.ByteBuffer;

/** What the tensors of a safetensors file consist of: the types that weights come in, and one that is only read over. */
enum TensorType {
    F64(8) {
        @Override
        float next(ByteBuffer from) {
            return (float) from.getDouble();
        }
    },
    F32(4) {
        @Override
        float next(ByteBuffer from) {
            return from.getFloat();
        }

        @Override
        void read(ByteBuffer from, float[] to, int at, int count) {
            from.asFloatBuffer().get(to, at, count);
        }
    },
    BF16(2) {
        @Override
        float next(ByteBuffer from) {
            return Float.intBitsToFloat(from.getShort() << 16);
        }
    },
    F16(2) {
        @Override
        float next(ByteBuffer from) {
            return half(from.getShort());
        }
    },
    /** Known only to be left out: PyTorch's counters. */
    I64(8) {
        @Override
        float next(ByteBuffer from) {
            throw new IllegalStateException("whole numbers are no weights");
        }
    };

    static final String READABLE = "F16, BF16, F32 and F64 can be read";

    private final int bytes;

    TensorType(int bytes) {
        this.bytes = bytes;
    }

    /** Of one value. */
    int bytes() {
        return bytes;
    }

    /** Whether weights can be of this type. */
    boolean readable() {
        return this != I64;
    }

    abstract float next(ByteBuffer from);

    /** Reads so many values, little-endian, to a place in an array. */
    void read(ByteBuffer from, float[] to, int at, int count) {
        for (int i = at; i < at + count; i++) {
            to[i] = next(from);
        }
    }

    /** IEEE 754's binary16: 1 bit of sign, 5 of exponent, 10 of fraction. */
    private static float half(short bits) {
        int exponent = bits >>> 10 & 0x1f;
        int fraction = bits & 0x3ff;
        float size =
                switch (exponent) {
                    case 0 -> fraction * 0x1p-24f;
                    case 0x1f -> fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
                    default -> Float.intBitsToFloat((exponent + 127 - 15) << 23 | fraction << 13);
                };
        return bits < 0 ? -size : size;
    }
}
