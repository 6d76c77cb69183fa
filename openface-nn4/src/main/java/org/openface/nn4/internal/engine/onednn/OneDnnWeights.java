package org.openface.nn4.internal.engine.onednn;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.network.Parameters;

/**
 * Parameters, and what is derived from them, in each layout that some program wants; shared by the programs for batches of
 * all sizes. What no program uses any more is freed.
 */
@SuppressWarnings({
    "unchecked", // PointerScope has a generic varargs constructor
    "try" // and is used for its effect
})
public final class OneDnnWeights implements AutoCloseable {
    private final engine cpu;
    private final stream queue;
    private final PointerScope scope = new PointerScope();
    private final Map<String, List<Stored>> stored = new HashMap<>();
    /** The values of one tensor in Torch's layout, on their way into another. */
    private FloatPointer staging = new FloatPointer();

    private PointerScope stagingScope = NativeMemory.emptyScope();

    public OneDnnWeights(engine cpu) {
        this.cpu = cpu;
        try (PointerScope building = scope) {
            building.extend();
            queue = new stream(cpu);
        }
    }

    /** A tensor in one layout. */
    final class Stored {
        private final String name;
        private final Function<Parameters, float[]> values;
        private final PointerScope scope = new PointerScope();
        private final memory.desc plain;
        private final memory.desc layout;
        private final BytePointer bytes;
        private final long size;
        /** From the plain layout; none when the layouts are the same. */
        private final @Nullable reorder conversion;

        private int borrowers;
        private int version = -1;

        private Stored(
                String name, Function<Parameters, float[]> values, memory.desc wantedPlain, memory.desc wantedLayout) {
            this.name = name;
            this.values = values;
            try (PointerScope building = scope) {
                building.extend();
                plain = new memory.desc(wantedPlain.data()); // the borrower's are freed with it
                layout = new memory.desc(wantedLayout.data());
                size = layout.get_size();
                bytes = NativeMemory.zeros(size);
                conversion =
                        plain.equals(layout) ? null : new reorder(new reorder.primitive_desc(cpu, plain, cpu, layout));
            } catch (Throwable e) {
                scope.close();
                throw e;
            }
        }

        /** Where the values lie. */
        BytePointer pointer() {
            return bytes;
        }

        /** Size in bytes. */
        long size() {
            return size;
        }

        private void write(float[] all) {
            if (conversion == null) {
                new FloatPointer(bytes).put(all);
            } else {
                conversion.execute(queue, new memory(plain, cpu, staging), new memory(layout, cpu, bytes));
                queue._wait();
            }
        }
    }

    /**
     * The tensor in the wanted layout, to be given back.
     *
     * @param name the same name always comes with the same values
     * @param values in the plain layout
     */
    Stored borrow(String name, Function<Parameters, float[]> values, memory.desc plain, memory.desc wanted) {
        List<Stored> all = stored.computeIfAbsent(name, x -> new ArrayList<>());
        Stored found = null;
        for (Stored one : all) {
            if (one.layout.equals(wanted)) {
                found = one;
            }
        }
        if (found == null) {
            if (staging.capacity() * Float.BYTES < plain.get_size()) {
                grow(plain.get_size() / Float.BYTES);
            }
            found = new Stored(name, values, plain, wanted);
            all.add(found);
        }
        found.borrowers++;
        return found;
    }

    private void grow(long floats) {
        PointerScope old = stagingScope;
        stagingScope = NativeMemory.emptyScope();
        staging = new FloatPointer(); // in case there is no memory for the next
        old.close();
        PointerScope larger = new PointerScope();
        try (PointerScope building = larger) {
            building.extend();
            stagingScope = larger;
            staging = new FloatPointer(floats);
        }
    }

    void giveBack(Stored one) {
        if (--one.borrowers == 0) {
            List<Stored> all = stored.get(one.name);
            if (all != null) {
                all.remove(one);
            }
            one.scope.close();
        }
    }

    /** Copies the parameters in where they have changed. */
    void load(Parameters parameters, Map<String, List<Stored>> borrowed) {
        borrowed.forEach((name, layouts) -> {
            float[] values = null;
            for (Stored one : layouts) {
                if (one.version != parameters.version()) {
                    if (values == null) {
                        values = one.values.apply(parameters);
                        staging.put(values);
                    }
                    one.version = -1; // until it is whole
                    one.write(values);
                    one.version = parameters.version();
                }
            }
        });
    }

    /** Bytes on top of what is borrowed. */
    long overhead() {
        return staging.capacity() * Float.BYTES;
    }

    /** Frees everything; programs that borrowed are to be closed before. */
    @Override
    public void close() {
        stored.values().forEach(all -> all.forEach(one -> one.scope.close()));
        stored.clear();
        stagingScope.close();
        scope.close();
    }
}
