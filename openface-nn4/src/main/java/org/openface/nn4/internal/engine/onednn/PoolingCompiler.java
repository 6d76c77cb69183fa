package org.openface.nn4.internal.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.eltwise_backward;
import org.bytedeco.dnnl.eltwise_forward;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.pooling_backward;
import org.bytedeco.dnnl.pooling_forward;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;
import org.openface.nn4.internal.network.Plan.Op;

/** Translates what takes maxima, means and lengths over places. */
@SuppressWarnings("VariableNameSameAsType") // the preset has types named desc, memory, primitive
final class PoolingCompiler {
    private final ProgramBuilder program;

    PoolingCompiler(ProgramBuilder program) {
        this.program = program;
    }

    void maxPool(Op.MaxPool p) {
        memory.desc src = program.description(p.in());
        memory.desc dst = program.description(p.out());
        long[] stride = {p.stride(), p.stride()};
        long[] kernel = {3, 3};
        long[] left = {p.padding(), p.padding()};
        long[] right = ProgramBuilder.rightPadding(p.in().side(), p.out().side(), 3, p.stride(), p.padding());
        var forward = new pooling_forward.primitive_desc(
                new pooling_forward.desc(
                        program.propagation(), algorithm.pooling_max, src, dst, stride, kernel, left, right),
                program.attributes,
                program.cpu);
        List<Step.Operand> operands = new ArrayList<>(List.of(
                new Step.Operand(DNNL_ARG_SRC, program.value(p.in()), src),
                new Step.Operand(DNNL_ARG_DST, program.value(p.out()), dst)));
        if (!program.training) {
            program.step("max pooling forward", new pooling_forward(forward), operands);
            return;
        }
        Step.Operand workspace = program.workspace(forward.workspace_desc());
        operands.add(workspace);
        program.step("max pooling forward", new pooling_forward(forward), operands);
        program.tape.add(() -> {
            Buffer dy = program.gradient(p.out());
            var backward = new pooling_backward.primitive_desc(
                    new pooling_backward.desc(algorithm.pooling_max, src, dst, stride, kernel, left, right),
                    program.attributes,
                    program.cpu,
                    forward);
            program.step(
                    "max pooling backward",
                    new pooling_backward(backward),
                    new Step.Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Step.Operand(DNNL_ARG_DIFF_SRC, program.contribution(p.in()), src),
                    workspace);
        });
    }

    /** Square, mean over 3×3, × 9 + epsilon, root; backwards the same way. */
    void l2Pool(Op.L2Pool p) {
        memory.desc src = program.description(p.in());
        memory.desc dst = program.description(p.out());
        Buffer x = program.value(p.in());
        Buffer y = program.value(p.out());
        Buffer squares = program.buffer(src.get_size());
        elementwise("L2 pooling forward", algorithm.eltwise_square, 0, 0, x, squares, src);
        long[] stride = {p.stride(), p.stride()};
        long[] kernel = {3, 3};
        long[] none = {0, 0};
        post_ops length = new post_ops();
        length.append_eltwise(1f, algorithm.eltwise_linear, 9f, (float) p.epsilon());
        length.append_eltwise(1f, algorithm.eltwise_sqrt, 0f, 0f);
        primitive_attr fused = new primitive_attr();
        fused.set_scratchpad_mode(scratchpad_mode.user);
        fused.set_post_ops(length);
        var pooling = new pooling_forward.primitive_desc(
                new pooling_forward.desc(
                        prop_kind.forward_inference,
                        algorithm.pooling_avg_exclude_padding,
                        src,
                        dst,
                        stride,
                        kernel,
                        none,
                        none),
                fused,
                program.cpu);
        program.step(
                "L2 pooling forward",
                new pooling_forward(pooling),
                new Step.Operand(DNNL_ARG_SRC, squares, src),
                new Step.Operand(DNNL_ARG_DST, y, dst));
        program.tape.add(() -> {
            Buffer dy = program.gradient(p.out());
            elementwiseBackward(algorithm.eltwise_sqrt_use_dst_for_bwd, DNNL_ARG_DST, y, dy, dy, dst);
            elementwise("L2 pooling backward", algorithm.eltwise_linear, 9, 0, dy, dy, dst);
            Buffer dx = program.contribution(p.in());
            var trainable = new pooling_forward.primitive_desc(
                    new pooling_forward.desc(
                            prop_kind.forward_training,
                            algorithm.pooling_avg_exclude_padding,
                            src,
                            dst,
                            stride,
                            kernel,
                            none,
                            none),
                    program.attributes,
                    program.cpu);
            var backward = new pooling_backward.primitive_desc(
                    new pooling_backward.desc(
                            algorithm.pooling_avg_exclude_padding, src, dst, stride, kernel, none, none),
                    program.attributes,
                    program.cpu,
                    trainable);
            program.step(
                    "L2 pooling backward",
                    new pooling_backward(backward),
                    new Step.Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Step.Operand(DNNL_ARG_DIFF_SRC, dx, src));
            elementwiseBackward(algorithm.eltwise_square, DNNL_ARG_SRC, x, dx, dx, src);
        });
    }

    /** In float32, as all that follows. */
    void mean(Op.Mean m) {
        memory.desc narrow = program.description(m.in());
        memory.desc src = program.wide(m.in());
        memory.desc dst = program.wide(m.out());
        program.describe(m.out(), dst);
        boolean widened = !narrow.equals(src);
        long[] window = {m.in().side(), m.in().side()};
        long[] none = {0, 0};
        var forward = new pooling_forward.primitive_desc(
                new pooling_forward.desc(
                        program.propagation(),
                        algorithm.pooling_avg_exclude_padding,
                        src,
                        dst,
                        window,
                        window,
                        none,
                        none),
                program.attributes,
                program.cpu);
        Buffer x = program.value(m.in());
        if (widened) {
            Buffer wide = program.buffer(src.get_size());
            program.reorder("head", x, narrow, wide, src);
            x = wide;
        }
        program.step(
                "head",
                new pooling_forward(forward),
                new Step.Operand(DNNL_ARG_SRC, x, src),
                new Step.Operand(DNNL_ARG_DST, program.value(m.out()), dst));
        if (program.training) {
            program.tape.add(() -> {
                var backward = new pooling_backward.primitive_desc(
                        new pooling_backward.desc(
                                algorithm.pooling_avg_exclude_padding, src, dst, window, window, none, none),
                        program.attributes,
                        program.cpu,
                        forward);
                Buffer dy = program.gradient(m.out());
                Buffer dx = program.contribution(m.in());
                Buffer wide = widened ? program.buffer(src.get_size()) : dx;
                program.step(
                        "head",
                        new pooling_backward(backward),
                        new Step.Operand(DNNL_ARG_DIFF_DST, dy, dst),
                        new Step.Operand(DNNL_ARG_DIFF_SRC, wide, src));
                if (widened) {
                    program.reorder("head", wide, src, dx, narrow);
                }
            });
        }
    }

    private void elementwise(
            String kind, algorithm function, float alpha, float beta, Buffer in, Buffer out, memory.desc desc) {
        var forward = new eltwise_forward.primitive_desc(
                new eltwise_forward.desc(prop_kind.forward_inference, function, desc, alpha, beta),
                program.attributes,
                program.cpu);
        program.step(
                kind,
                new eltwise_forward(forward),
                new Step.Operand(DNNL_ARG_SRC, in, desc),
                new Step.Operand(DNNL_ARG_DST, out, desc));
    }

    private void elementwiseBackward(
            algorithm function, int argument, Buffer value, Buffer in, Buffer out, memory.desc desc) {
        var forward = new eltwise_forward.primitive_desc(
                new eltwise_forward.desc(prop_kind.forward_training, function, desc, 0f, 0f),
                program.attributes,
                program.cpu);
        var backward = new eltwise_backward.primitive_desc(
                new eltwise_backward.desc(function, desc, desc, 0f, 0f), program.attributes, program.cpu, forward);
        program.step(
                "L2 pooling backward",
                new eltwise_backward(backward),
                new Step.Operand(argument, value, desc),
                new Step.Operand(DNNL_ARG_DIFF_DST, in, desc),
                new Step.Operand(DNNL_ARG_DIFF_SRC, out, desc));
    }
}
