package org.openface.nn4.internal.engine.onednn;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;

/** The buffers of a program: when each is in use, and where in the shared memory it lies. */
final class BufferLayout {
    private final List<Buffer> buffers = new ArrayList<>();

    /** A buffer that gets a place in the shared memory. */
    Buffer shared(long size) {
        return add(new Buffer(size, null));
    }

    /** A buffer whose values lie in memory of their own. */
    Buffer persistent(long size, BytePointer own) {
        return add(new Buffer(size, own));
    }

    private Buffer add(Buffer buffer) {
        buffers.add(buffer);
        return buffer;
    }

    /** Gives every shared buffer a place, largest first, where no buffer alive at the same time lies; returns the total. */
    long place(boolean sharing) {
        List<Buffer> bySize = buffers.stream()
                .filter(b -> !b.persistent)
                .sorted(Comparator.comparingLong((Buffer b) -> b.size).reversed())
                .toList();
        List<Buffer> placed = new ArrayList<>(); // sorted by offset
        long total = 0;
        for (Buffer buffer : bySize) {
            long offset = 0;
            for (Buffer other : placed) {
                boolean together = !sharing || buffer.livesWith(other);
                if (together && other.offset < offset + buffer.size && offset < other.offset + other.size) {
                    offset = other.offset + other.size;
                }
            }
            buffer.offset = offset;
            total = Math.max(total, offset + buffer.size);
            placed.add(buffer);
            placed.sort(Comparator.comparingLong(b -> b.offset));
        }
        return total;
    }

    /** Has all shared buffers lie in the given memory, which is aligned and as large as {@link #place} said. */
    void bind(BytePointer start) {
        for (Buffer buffer : buffers) {
            if (!buffer.persistent) {
                buffer.liesAt(start.getPointer(buffer.offset));
            }
        }
    }
}
