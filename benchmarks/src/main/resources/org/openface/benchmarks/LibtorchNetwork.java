import static org.bytedeco.pytorch.global.torch.*;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.*;
import org.openface.nn4.internal.network.Architecture;
import org.openface.nn4.internal.network.Plan.Op;
import org.openface.nn4.internal.network.PlanText;

/**
 * The nn4 networks in libtorch over its Java preset: nn4_torch.py's training step and embedding in a newer version, with the
 * same protocol. Arguments: VARIANT N THREADS step|embed.
 *
 * <p>Contiguous, as channels-last crashes in its oneDNN. The gradient of LRN is written by hand: the graph is cut there into
 * leaves, whose gradients are handed on.
 */
final class LibtorchNetwork {
    private static final Scalar ALPHA = new Scalar(1e-4 / 5);
    private static final Scalar SLOPE = new Scalar(2 * 0.75 * 1e-4 / 5);
    private static final Scalar ONE = new Scalar(1);

    /** What the backward pass of one LRN needs: its input, where the later graph begins, and the parts of its factor. */
    private record Cut(Tensor input, Tensor values, Tensor leaf, Tensor base, Tensor factor) {}

    private final List<Op> ops;
    private final String input;
    private final int side;
    private final boolean training;
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();
    private final TensorVector trained = new TensorVector();
    private final List<Cut> cuts = new ArrayList<>();

    private LibtorchNetwork(String variant, boolean training) {
        var architecture = Architecture.named(variant.toUpperCase(Locale.ROOT)).orElseThrow();
        var plan = PlanText.of(architecture, 128);
        ops = plan.ops();
        input = plan.input().name();
        side = plan.input().side();
        this.training = training;
        for (var spec : architecture.tensors(128)) {
            long[] shape = spec.shape().stream().mapToLong(i -> i).toArray();
            double bound = 2 / Math.sqrt(shape.length > 1 ? (double) spec.length() / shape[0] : 64);
            Tensor values = spec.name().endsWith(".bn.weight") || spec.name().endsWith("running_var")
                    ? ones(shape)
                    : spec.name().contains(".bn.") ? zeros(shape) : rand(shape).sub(new Scalar(0.5)).mul(new Scalar(bound));
            values = values.contiguous();
            if (spec.trained()) {
                values.set_requires_grad(training);
                trained.push_back(values);
            }
            tensors.put(spec.name(), values);
        }
    }

    private TensorOptional tensor(String name) {
        return new TensorOptional(tensors.get(name));
    }

    private Tensor forward(Tensor images) {
        Map<String, Tensor> values = new HashMap<>();
        values.put(input, images);
        cuts.clear();
        Tensor last = images;
        for (Op op : ops) {
            last = forward(op, values.get(op.in().name()), values);
            values.put(op.out().name(), last);
        }
        return last;
    }

    private Tensor forward(Op op, Tensor x, Map<String, Tensor> values) {
        if (op instanceof Op.Convolution c) {
            long[] stride = {c.stride(), c.stride()};
            long[] padding = {c.padding(), c.padding()};
            return conv2d(x, tensors.get(c.weight()), tensor(c.bias()), stride, padding, new long[] {1, 1}, 1);
        } else if (op instanceof Op.BatchNormRelu b) {
            TensorOptional mean = tensor(b.layer() + ".bn.running_mean");
            TensorOptional variance = tensor(b.layer() + ".bn.running_var");
            return relu_(batch_norm(
                    x, tensor(b.scale()), tensor(b.shift()), mean, variance, training, 0.1, b.epsilon(), true));
        } else if (op instanceof Op.MaxPool p) {
            long[] stride = {p.stride(), p.stride()};
            long[] padding = {p.padding(), p.padding()};
            return max_pool2d(x, new long[] {3, 3}, stride, padding, new long[] {1, 1}, false);
        } else if (op instanceof Op.L2Pool p) {
            long[] stride = {p.stride(), p.stride()};
            Tensor mean = avg_pool2d(
                    x.mul(x), new long[] {3, 3}, stride, new long[] {0, 0}, false, true, new LongOptional());
            return mean.mul(new Scalar(9)).add(new Scalar(p.epsilon())).sqrt();
        } else if (op instanceof Op.LocalResponseNorm) {
            return localResponseNorm(x);
        } else if (op instanceof Op.Concat c) {
            TensorVector parts = new TensorVector();
            for (var in : c.ins()) {
                long d = c.out().side() - in.side();
                Tensor part = values.get(in.name());
                parts.push_back(d == 0 ? part : constant_pad_nd(part, new long[] {d / 2, d - d / 2, d / 2, d - d / 2}));
            }
            return cat(parts, 1);
        } else if (op instanceof Op.Mean) {
            return x.mean(new long[] {2, 3}, false, new ScalarTypeOptional());
        } else if (op instanceof Op.Linear l) {
            return linear(x, tensors.get(l.weight()), tensor(l.bias()));
        }
        Op.Normalize n = (Op.Normalize) op;
        Tensor squares = x.mul(x).sum(new long[] {1}, true, new ScalarTypeOptional());
        return x.div(squares.add(new Scalar(n.epsilon())).sqrt());
    }

    private Tensor localResponseNorm(Tensor x) {
        Tensor values = x.detach();
        Tensor base = window(values.mul(values)).mul_(ALPHA).add_(ONE);
        Tensor root = base.rsqrt();
        Tensor factor = root.mul(root.sqrt());
        Tensor leaf = values.mul(factor);
        if (training) {
            leaf.set_requires_grad(true);
            cuts.add(new Cut(x, values, leaf, base, factor));
        }
        return leaf;
    }

    /** Sums over five channels. */
    private static Tensor window(Tensor q) {
        long channels = q.size(1);
        Tensor padded = constant_pad_nd(q, new long[] {0, 0, 0, 0, 2, 2});
        Tensor sum = padded.narrow(1, 0, channels).add(padded.narrow(1, 1, channels));
        for (int i = 2; i < 5; i++) {
            sum.add_(padded.narrow(1, i, channels));
        }
        return sum;
    }

    private static void backward(Tensor from, Tensor gradient) {
        from.backward(gradient, new BoolOptional(), false, new TensorArrayRefOptional());
    }

    private void step(Adam adam, Tensor images, Tensor gradient) {
        adam.zero_grad();
        backward(forward(images), gradient);
        for (int i = cuts.size() - 1; i >= 0; i--) {
            Cut cut = cuts.get(i);
            Tensor scaled = cut.leaf.grad().mul(cut.factor);
            Tensor sum = window(scaled.mul(cut.values).div_(cut.base));
            backward(cut.input, scaled.sub(sum.mul_(cut.values).mul_(SLOPE)));
        }
        adam.step();
    }

    private static long peakMegabytes() throws Exception {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024;
            }
        }
        return -1;
    }

    public static void main(String[] args) throws Exception {
        int most = Integer.parseInt(args[1]);
        boolean training = args[3].equals("step");
        set_num_threads(Integer.parseInt(args[2]));
        manual_seed(1);
        LibtorchNetwork network = new LibtorchNetwork(args[0], training);
        Tensor images = rand(most, 3, network.side, network.side);
        Tensor gradient = rand(most, 128).div(new Scalar(most));
        Adam adam = training ? new Adam(network.trained, new AdamOptions(1e-4)) : null;
        System.out.println("2.10.0 libtorch");
        var requests = new BufferedReader(new InputStreamReader(System.in));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            StringBuilder times = new StringBuilder();
            for (String count : line.trim().split(" ")) {
                long start = System.nanoTime();
                try (PointerScope scope = new PointerScope()) {
                    long n = Long.parseLong(count);
                    Tensor some = images.narrow(0, 0, n);
                    if (training) {
                        network.step(adam, some, gradient.narrow(0, 0, n));
                    } else {
                        try (NoGradGuard none = new NoGradGuard()) {
                            network.forward(some);
                        }
                    }
                }
                times.append(String.format(Locale.ROOT, " %.4f", (System.nanoTime() - start) / 1e6));
            }
            System.out.println(peakMegabytes() + times.toString());
        }
        System.exit(0);
    }
}
