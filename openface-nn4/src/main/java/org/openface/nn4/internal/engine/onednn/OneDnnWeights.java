package org.openface.nn4.internal.engine.onednn;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.jspecify.annotations.Nullable;
import org.openface.nn4.internal.engine.Workers;
import org.openface.nn4.internal.network.Parameters;

/**
 * Parameters, and what is derived from them, in each layout that some program wants; shared by the programs for batches of
 * all sizes. What no program uses any more is freed.
 */
@SuppressWarnings({
    "unchecked", // PointerScope has a generic varargs constructor
    "try", // and is used for its effect
    "VariableNameSameAsType" // the preset has types named memory, stream, reorder
})
public final class OneDnnWeights implements AutoCloseable {
    private final engine cpu;
    private final stream queue;
    private final PointerScope scope = new PointerScope();
    private final Map<String, Plain> tensors = new HashMap<>();
    /** Arrays that all programs hand gradients out in. */
    private final Map<String, float[]> gradients = new HashMap<>();

    public OneDnnWeights(engine cpu) {
        this.cpu = cpu;
        try (PointerScope building = scope) {
            building.extend();
            queue = new stream(cpu);
        }
    }

    /** A tensor in Torch's layout, on its way into others. */
    private static final class Plain {
        final Function<Parameters, float[]> values;
        final PointerScope scope = new PointerScope();
        final memory.desc desc;
        final BytePointer bytes;
        final long size;
        final List<Stored> layouts = new ArrayList<>();
        int version = -1;

        Plain(Function<Parameters, float[]> values, memory.desc wanted) {
            this.values = values;
            try (PointerScope building = scope) {
                building.extend();
                desc = new memory.desc(wanted.data()); // the borrower's is freed with it
                size = desc.get_size();
                bytes = NativeMemory.zeros(size);
            } catch (Throwable e) {
                scope.close();
                throw e;
            }
        }

        void read(Parameters parameters) {
            version = -1; // until it is whole
            new FloatPointer(bytes).put(values.apply(parameters));
            version = parameters.version();
        }
    }

    /** A tensor in one layout. */
    final class Stored {
        private final String name;
        private final Plain plain;
        private final PointerScope scope = new PointerScope();
        private final memory.desc layout;
        private final BytePointer bytes;
        /** From the plain layout; none when the layouts are the same. */
        private final @Nullable reorder conversion;

        private final IntMemoryMap arguments;

        private int borrowers;
        private int version = -1;

        private Stored(String name, Plain plain, memory.desc wanted) {
            this.name = name;
            this.plain = plain;
            try (PointerScope building = scope) {
                building.extend();
                layout = new memory.desc(wanted.data()); // the borrower's is freed with it
                arguments = new IntMemoryMap();
                if (plain.desc.equals(layout)) {
                    bytes = plain.bytes;
                    conversion = null;
                } else {
                    bytes = NativeMemory.zeros(layout.get_size());
                    conversion = new reorder(new reorder.primitive_desc(cpu, plain.desc, cpu, layout));
                    arguments.put(dnnl.DNNL_ARG_FROM, new memory(plain.desc, cpu, plain.bytes));
                    arguments.put(dnnl.DNNL_ARG_TO, new memory(layout, cpu, bytes));
                }
            } catch (Throwable e) {
                scope.close();
                throw e;
            }
        }

        /** Where the values lie. */
        BytePointer pointer() {
            return bytes;
        }

        /** Bytes that it needs of its own. */
        long size() {
            return conversion == null ? 0 : layout.get_size();
        }

        private void convert() {
            version = -1; // until it is whole
            if (conversion != null) {
                conversion.execute(queue, arguments);
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
        Plain tensor = tensors.computeIfAbsent(name, x -> new Plain(values, plain));
        Stored found = null;
        for (Stored one : tensor.layouts) {
            if (one.layout.equals(wanted)) {
                found = one;
            }
        }
        if (found == null) {
            found = new Stored(name, tensor, wanted);
            tensor.layouts.add(found);
        }
        found.borrowers++;
        return found;
    }

    void giveBack(Stored one) {
        if (--one.borrowers == 0) {
            one.plain.layouts.remove(one);
            one.scope.close();
            if (one.plain.layouts.isEmpty()) {
                tensors.remove(one.name);
                one.plain.scope.close();
            }
        }
    }

    /** The array for a parameter's gradient, whichever program computes it. */
    float[] gradient(String parameter, int length) {
        return gradients.computeIfAbsent(parameter, x -> new float[length]);
    }

    /** Copies the parameters in where they have changed. */
    void load(Parameters parameters, Map<String, List<Stored>> borrowed) {
        int version = parameters.version();
        Set<Plain> changed = new LinkedHashSet<>();
        List<Stored> stale = new ArrayList<>();
        borrowed.values().forEach(layouts -> {
            for (Stored one : layouts) {
                if (one.version != version) {
                    stale.add(one);
                    if (one.plain.version != version) {
                        changed.add(one.plain);
                    }
                }
            }
        });
        if (stale.isEmpty()) {
            return;
        }
        List<Plain> tasks = List.copyOf(changed);
        Workers.forEach(tasks.size(), i -> tasks.get(i).read(parameters));
        stale.forEach(Stored::convert);
        queue._wait();
        stale.forEach(one -> one.version = version);
    }

    /** Bytes of the plain tensors that some are converted from. */
    static long plainBytes(Set<Stored> stored) {
        return stored.stream()
                .map(one -> one.plain)
                .distinct()
                .mapToLong(plain -> plain.size)
                .sum();
    }

    /** Frees everything; programs that borrowed are to be closed before. */
    @Override
    public void close() {
        tensors.values().forEach(tensor -> {
            tensor.layouts.forEach(one -> one.scope.close());
            tensor.scope.close();
        });
        tensors.clear();
        scope.close();
    }
}
