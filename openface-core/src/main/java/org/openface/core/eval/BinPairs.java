package org.openface.core.eval;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.Face;

/**
 * Reads insightface's verification sets ({@code lfw.bin} and its like): a Python pickle of two lists, of the images of pairs one
 * after the other, and of whether each pair is of one person. Images stay in the file, which is mapped into memory.
 *
 * <p>A pickle is a program. Of its instructions only those are known that lists of bytes and truth values take, in the protocols
 * 0 to 4 as Python 2 and 3 write them; nothing is executed, and any other instruction is an error.
 *
 * <p>Source: insightface's {@code lfw2pack.py}; Python's {@code pickletools}.
 */
final class BinPairs {
    private static final int MOST_PAIRS = 10_000_000;
    private static final Object MARK = new Object();
    private static final Object ENCODE = new Object();

    private final Path file;
    private final ByteBuffer in;
    private final List<Object> stack = new ArrayList<>();
    private final Map<Long, Object> memo = new HashMap<>();

    private BinPairs(Path file, ByteBuffer in) {
        this.file = file;
        this.in = in;
    }

    /** Bytes in the file; {@code utf8} if they are text whose letters are the bytes, as Python 3 writes them for protocol 2. */
    private record Bytes(int from, int length, boolean utf8) {}

    static Verification read(Path file, int folds) throws IOException {
        ByteBuffer in;
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            if (channel.size() > Integer.MAX_VALUE) {
                throw new IOException(file + ": " + channel.size() + " bytes; at most 2 GB are read");
            }
            in = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()).order(ByteOrder.LITTLE_ENDIAN);
        }
        BinPairs pairs = new BinPairs(file, in);
        try {
            return pairs.verification(pairs.run(), folds);
        } catch (BufferUnderflowException | IndexOutOfBoundsException | NumberFormatException e) {
            throw new IOException(file + ": damaged or cut short at byte " + in.position(), e);
        }
    }

    private IOException wrong(String what) {
        return new IOException(
                file + ": no set of pairs as insightface writes them: " + what + " at byte " + in.position());
    }

    private Verification verification(Object value, int folds) throws IOException {
        if (!(value instanceof List<?> both)
                || both.size() != 2
                || !(both.get(0) instanceof List<?> images)
                || !(both.get(1) instanceof List<?> same)) {
            throw wrong("it does not hold two lists");
        }
        if (same.isEmpty() || same.size() > MOST_PAIRS || images.size() != 2 * same.size()) {
            throw wrong(images.size() + " images for " + same.size() + " pairs");
        }
        List<Face> faces = new ArrayList<>();
        for (int i = 0; i < images.size(); i++) {
            if (!(images.get(i) instanceof Bytes bytes)) {
                throw wrong("image " + i + " is not bytes");
            }
            faces.add(Face.of("pair " + i / 2, file.resolve(i / 2 + "-" + (i % 2 + 1)), () -> bytes(bytes)));
        }
        List<Verification.Pair> pairs = new ArrayList<>();
        for (int i = 0; i < same.size(); i++) {
            if (!(same.get(i) instanceof Boolean one)) {
                throw wrong("entry " + i + " of the second list is not true or false");
            }
            // In order, as insightface's KFold without shuffling cuts them.
            int fold = (int) ((long) i * folds / same.size());
            pairs.add(new Verification.Pair(2 * i, 2 * i + 1, one, fold));
        }
        return new Verification(List.copyOf(faces), pairs, 0, 0, Optional.empty());
    }

    private byte[] bytes(Bytes bytes) {
        byte[] content = new byte[bytes.length()];
        in.get(bytes.from(), content);
        return bytes.utf8() ? new String(content, UTF_8).getBytes(ISO_8859_1) : content;
    }

    /** Runs the instructions up to the last, and gives what is on the stack. */
    private Object run() throws IOException {
        while (true) {
            int code = in.get() & 0xff;
            switch (code) {
                case 0x80 -> in.get(); // the protocol
                case 0x95 -> in.getLong(); // the length of a frame
                case '(' -> stack.add(MARK);
                case ']' -> stack.add(new ArrayList<>());
                case 'l' -> stack.add(new ArrayList<>(sinceMark()));
                case 't' -> stack.add(List.copyOf(sinceMark()));
                case 0x86 -> {
                    Object second = pop();
                    stack.add(List.of(pop(), second));
                }
                case 'a' -> {
                    Object item = pop();
                    list(top()).add(item);
                }
                case 'e' -> {
                    List<Object> items = sinceMark();
                    list(top()).addAll(items);
                }
                case 0x88 -> stack.add(true);
                case 0x89 -> stack.add(false);
                case 'I' -> stack.add(truth(line()));
                case 'K' -> stack.add(truth("0" + in.get()));
                case 'T', 'B' -> bytes(in.getInt(), false);
                case 'U', 'C' -> bytes(in.get() & 0xff, false);
                case 0x8e -> bytes(length(in.getLong()), false);
                case 'X' -> bytes(in.getInt(), true);
                case 0x8c -> bytes(in.get() & 0xff, true);
                case 'c' -> global(line(), line());
                case 'R' -> reduce();
                case 'q' -> memo.put((long) (in.get() & 0xff), top());
                case 'r' -> memo.put(in.getInt() & 0xffffffffL, top());
                case 'p' -> memo.put(Long.parseLong(line()), top());
                case 0x94 -> memo.put((long) memo.size(), top());
                case 'h' -> recall(in.get() & 0xff);
                case 'j' -> recall(in.getInt() & 0xffffffffL);
                case 'g' -> recall(Long.parseLong(line()));
                case '.' -> {
                    return pop();
                }
                default -> throw wrong(String.format("the instruction 0x%02x", code));
            }
        }
    }

    private void bytes(int length, boolean utf8) throws IOException {
        if (length < 0 || length > in.remaining()) {
            throw wrong("cut short: " + length + " bytes are announced and " + in.remaining() + " are left");
        }
        stack.add(new Bytes(in.position(), length, utf8));
        in.position(in.position() + length);
    }

    private int length(long length) throws IOException {
        if (length < 0 || length > in.remaining()) {
            throw wrong("cut short: " + length + " bytes are announced");
        }
        return (int) length;
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (byte b = in.get(); b != '\n'; b = in.get()) {
            if (line.length() == 100) {
                throw wrong("a line of more than 100 characters");
            }
            line.append((char) b);
        }
        return line.toString();
    }

    private Boolean truth(String number) throws IOException {
        if (!number.equals("00") && !number.equals("01")) {
            throw wrong("the number " + number);
        }
        return number.equals("01");
    }

    /** Python 3 writes bytes for old protocols as text that is to be encoded in Latin-1. */
    private void global(String module, String name) throws IOException {
        if (!module.equals("_codecs") || !name.equals("encode")) {
            throw wrong("a call of " + module + "." + name);
        }
        stack.add(ENCODE);
    }

    private void reduce() throws IOException {
        Object arguments = pop();
        Object function = pop();
        if (function != ENCODE
                || !(arguments instanceof List<?> list)
                || list.size() != 2
                || !(list.get(0) instanceof Bytes text)) {
            throw wrong("a call");
        }
        stack.add(text);
    }

    private void recall(long key) throws IOException {
        Object value = memo.get(key);
        if (value == null) {
            throw wrong("it asks for what it has not stored");
        }
        stack.add(value);
    }

    private List<Object> sinceMark() throws IOException {
        int mark = stack.lastIndexOf(MARK);
        if (mark < 0) {
            throw wrong("an end without a beginning");
        }
        List<Object> since = new ArrayList<>(stack.subList(mark + 1, stack.size()));
        stack.subList(mark, stack.size()).clear();
        return since;
    }

    private Object pop() {
        return stack.remove(stack.size() - 1);
    }

    private Object top() {
        return stack.get(stack.size() - 1);
    }

    @SuppressWarnings("unchecked")
    private List<Object> list(@Nullable Object value) throws IOException {
        if (value instanceof ArrayList<?>) {
            return (List<Object>) value;
        }
        throw wrong("something is appended to what is no list");
    }
}
