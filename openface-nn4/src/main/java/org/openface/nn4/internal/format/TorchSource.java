package org.openface.nn4.internal.format;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.format.TorchValues.Kind;
import org.openface.nn4.internal.format.TorchValues.Storage;

/** The numbers and characters of a {@code .t7} file, one after the other: binary, or as text. */
abstract class TorchSource {
    final ByteBuffer bytes;

    private TorchSource(byte[] file) {
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

    static final class Binary extends TorchSource {
        Binary(byte[] file) {
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
    static final class Ascii extends TorchSource {
        private static final int LONGEST_WORD = 40;

        Ascii(byte[] file) {
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
}
