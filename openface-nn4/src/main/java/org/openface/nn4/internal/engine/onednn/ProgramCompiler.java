package org.openface.nn4.internal.engine.onednn;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.openface.nn4.internal.network.Plan;
import org.openface.nn4.internal.network.Plan.Op;
import org.openface.nn4.internal.network.Plan.Tensor;

/** Translates a plan, operation by operation. */
final class ProgramCompiler {
    private final ProgramBuilder program;
    private final ConvolutionCompiler convolutions;
    private final PoolingCompiler pooling;
    private final ChannelCompiler channels;

    private ProgramCompiler(ProgramBuilder program) {
        this.program = program;
        convolutions = new ConvolutionCompiler(program);
        pooling = new PoolingCompiler(program);
        channels = new ChannelCompiler(program);
    }

    /**
     * Adds all steps, those of the backward pass, for training, after those of the forward pass. The last operation, to unit
     * length, is left to {@link UnitLength}.
     *
     * @return how many steps are the forward pass
     */
    static int compile(ProgramBuilder program) {
        ProgramCompiler compiler = new ProgramCompiler(program);
        List<Op> ops = program.plan.ops();
        for (int i = 0; i < ops.size() - 1; i++) {
            compiler.compile(ops.get(i), ops.get(i + 1));
        }
        int forwardSteps = program.steps.size();
        if (program.training) {
            for (int i = program.tape.size() - 1; i >= 0; i--) {
                program.tape.get(i).run();
            }
        }
        return forwardSteps;
    }

    /** Both are compiled together: folded into one for inference, without the convolution's bias for training. */
    static void requireBatchNormBehindConvolutions(Plan plan) {
        List<Op> ops = plan.ops();
        Set<Tensor> normalized = new HashSet<>();
        for (int i = 0; i < ops.size(); i++) {
            Op op = ops.get(i);
            if (op instanceof Op.Convolution c) {
                checkArgument(
                        i + 1 < ops.size()
                                && ops.get(i + 1) instanceof Op.BatchNormRelu norm
                                && norm.in().equals(c.out()),
                        "oneDNN has a program only for convolutions with their batch-norm directly behind: %s",
                        c);
                normalized.add(c.out());
            } else {
                boolean behind = i > 0 && ops.get(i - 1) instanceof Op.Convolution;
                checkArgument(
                        op instanceof Op.BatchNormRelu
                                ? behind
                                : op.ins().stream().noneMatch(normalized::contains),
                        "oneDNN has no program for what takes a convolution without its batch-norm, or batch-norm without"
                                + " its convolution: %s",
                        op);
            }
        }
    }

    private void compile(Op op, Op next) {
        if (op instanceof Op.Convolution c) {
            if (program.training) {
                convolutions.convolution(c);
            } else if (next instanceof Op.BatchNormRelu norm) {
                convolutions.foldedConvolution(c, norm);
            }
        } else if (op instanceof Op.BatchNormRelu b) {
            if (program.training) {
                convolutions.batchNormRelu(b);
            }
        } else if (op instanceof Op.MaxPool p) {
            pooling.maxPool(p);
        } else if (op instanceof Op.L2Pool p) {
            pooling.l2Pool(p);
        } else if (op instanceof Op.LocalResponseNorm l) {
            channels.localResponseNorm(l);
        } else if (op instanceof Op.Concat c) {
            channels.concat(c);
        } else if (op instanceof Op.Mean m) {
            pooling.mean(m);
        } else if (op instanceof Op.Linear l) {
            channels.linear(l);
        } else {
            throw new IllegalArgumentException("oneDNN has no program for " + op);
        }
    }
}
