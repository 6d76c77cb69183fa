package org.openface.nn4.internal.network;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Splitter;
import com.google.common.io.Resources;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.openface.nn4.internal.network.Plan.Op;
import org.openface.nn4.internal.network.Plan.Tensor;

/**
 * A plan as text: a line for each operation with its kind, its output's name, channels and side, and what the kind has.
 * The channels of embeddings are written as {@value #EMBEDDING_SIZE}, as each network comes with any number of them.
 */
public final class PlanText {
    private static final String EMBEDDING_SIZE = "*";

    private PlanText() {}

    /** The name of the resource that holds a network's plan. */
    static String resource(Architecture architecture) {
        return "plan-" + architecture.name() + ".txt";
    }

    /**
     * The plan of a network, as it was read off its graph when this library was built: without ND4J.
     *
     * @param embeddingSize values of an embedding
     */
    public static Plan of(Architecture architecture, int embeddingSize) {
        try {
            return read(
                    Resources.toString(
                            Resources.getResource(PlanText.class, resource(architecture)), StandardCharsets.UTF_8),
                    embeddingSize);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String write(Plan plan) {
        StringBuilder text = new StringBuilder("input").append(tensor(plan.input(), false));
        for (Op op : plan.ops()) {
            boolean embedding = op instanceof Op.Linear || op instanceof Op.Normalize;
            text.append('\n').append(kind(op)).append(tensor(op.out(), embedding));
            for (Object value : values(op)) {
                String word = value.toString();
                checkArgument(!word.isEmpty() && word.indexOf(' ') < 0, "'%s' cannot be a word of a plan", word);
                text.append(' ').append(word);
            }
        }
        return text.append('\n').toString();
    }

    private static String kind(Op op) {
        return op.getClass().getSimpleName();
    }

    private static String tensor(Tensor tensor, boolean embedding) {
        return " " + tensor.name() + " " + (embedding ? EMBEDDING_SIZE : tensor.channels()) + " " + tensor.side();
    }

    private static List<Object> values(Op op) {
        if (op instanceof Op.Convolution c) {
            return List.of(c.in().name(), c.weight(), c.bias(), c.kernel(), c.stride(), c.padding());
        } else if (op instanceof Op.BatchNormRelu b) {
            return List.of(b.in().name(), b.layer(), b.scale(), b.shift(), b.epsilon());
        } else if (op instanceof Op.MaxPool p) {
            return List.of(p.in().name(), p.stride(), p.padding());
        } else if (op instanceof Op.L2Pool p) {
            return List.of(p.in().name(), p.stride(), p.epsilon());
        } else if (op instanceof Op.LocalResponseNorm n) {
            return List.of(n.in().name(), n.depth(), n.bias(), n.alpha(), n.beta());
        } else if (op instanceof Op.Concat c) {
            return List.copyOf(c.ins().stream().map(Tensor::name).toList());
        } else if (op instanceof Op.Mean m) {
            return List.of(m.in().name());
        } else if (op instanceof Op.Linear l) {
            return List.of(l.in().name(), l.weight(), l.bias());
        } else if (op instanceof Op.Normalize n) {
            return List.of(n.in().name(), n.epsilon());
        }
        throw new IllegalArgumentException("no text for " + op);
    }

    static Plan read(String text, int embeddingSize) {
        Map<String, Tensor> tensors = new HashMap<>();
        List<Op> ops = new ArrayList<>();
        Tensor input = null;
        for (String line : Splitter.on('\n').omitEmptyStrings().split(text)) {
            Words words = new Words(line, tensors);
            String kind = words.word();
            Tensor out = new Tensor(words.word(), words.channels(embeddingSize), words.integer());
            if (input == null) {
                input = out;
            } else {
                ops.add(words.op(kind, out));
            }
            tensors.put(out.name(), out);
        }
        checkArgument(input != null, "the plan is empty");
        return new Plan(input, List.copyOf(ops));
    }

    /** The words of a line, from left to right. */
    private static final class Words {
        private final Iterator<String> words;
        private final Map<String, Tensor> tensors;

        Words(String line, Map<String, Tensor> tensors) {
            words = Splitter.on(' ').split(line).iterator();
            this.tensors = tensors;
        }

        Op op(String kind, Tensor out) {
            Tensor in = tensor();
            return switch (kind) {
                case "Convolution" -> new Op.Convolution(in, out, word(), word(), integer(), integer(), integer());
                case "BatchNormRelu" -> new Op.BatchNormRelu(word(), in, out, word(), word(), real());
                case "MaxPool" -> new Op.MaxPool(in, out, integer(), integer());
                case "L2Pool" -> new Op.L2Pool(in, out, integer(), real());
                case "LocalResponseNorm" -> new Op.LocalResponseNorm(in, out, integer(), real(), real(), real());
                case "Concat" -> {
                    List<Tensor> ins = new ArrayList<>(List.of(in));
                    while (words.hasNext()) {
                        ins.add(tensor());
                    }
                    yield new Op.Concat(List.copyOf(ins), out);
                }
                case "Mean" -> new Op.Mean(in, out);
                case "Linear" -> new Op.Linear(in, out, word(), word());
                case "Normalize" -> new Op.Normalize(in, out, real());
                default -> throw new IllegalArgumentException("a plan has no operation " + kind);
            };
        }

        Tensor tensor() {
            String name = word();
            Tensor tensor = tensors.get(name);
            checkArgument(tensor != null, "the plan uses %s before it is made", name);
            return tensor;
        }

        int channels(int embeddingSize) {
            String word = word();
            return word.equals(EMBEDDING_SIZE) ? embeddingSize : Integer.parseInt(word);
        }

        String word() {
            return words.next();
        }

        int integer() {
            return Integer.parseInt(word());
        }

        double real() {
            return Double.parseDouble(word());
        }
    }
}
