package org.openface.nn4.internal.format;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.IdentityHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.format.TorchValues.Kind;
import org.openface.nn4.internal.format.TorchValues.Storage;
import org.openface.nn4.internal.format.TorchValues.Table;
import org.openface.nn4.internal.format.TorchValues.Tensor;
import org.openface.nn4.internal.format.TorchValues.TorchModule;

/** Writes {@code .t7} files. */
public final class TorchWriter {
    private final Sink sink;
    private final IdentityHashMap<Object, Integer> numbers = new IdentityHashMap<>();

    private TorchWriter(Sink sink) {
        this.sink = sink;
    }

    public static void write(OutputStream out, TorchModule root, boolean ascii) throws IOException {
        new TorchWriter(ascii ? new AsciiSink(out) : new BinarySink(out)).object(root);
        out.flush();
    }

    private void object(@Nullable Object object) throws IOException {
        if (object == null) {
            sink.integer(TorchValues.NIL);
        } else if (object instanceof Double number) {
            sink.integer(TorchValues.NUMBER);
            sink.real(number);
        } else if (object instanceof String string) {
            sink.integer(TorchValues.STRING);
            string(string);
        } else if (object instanceof Boolean flag) {
            sink.integer(TorchValues.BOOLEAN);
            sink.integer(flag ? 1 : 0);
        } else {
            sink.integer(object instanceof Table ? TorchValues.TABLE : TorchValues.TORCH);
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
            Floats.write(out, values);
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
