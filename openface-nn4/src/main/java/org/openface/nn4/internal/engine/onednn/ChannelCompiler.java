package org.openface.nn4.internal.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.inner_product_backward_data;
import org.bytedeco.dnnl.inner_product_backward_weights;
import org.bytedeco.dnnl.inner_product_forward;
import org.bytedeco.dnnl.lrn_backward;
import org.bytedeco.dnnl.lrn_forward;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.memory.format_tag;
import org.bytedeco.javacpp.Pointer;
import org.openface.nn4.internal.network.Plan.Op;
import org.openface.nn4.internal.network.Plan.Tensor;

/** Translates what works across channels: local response normalisation, concatenation, and the linear layer. */
@SuppressWarnings("VariableNameSameAsType") // the preset has types named desc, memory, primitive
final class ChannelCompiler {
    private final ProgramBuilder program;

    ChannelCompiler(ProgramBuilder program) {
        this.program = program;
    }

    void localResponseNorm(Op.LocalResponseNorm l) {
        memory.desc desc = program.description(l.in());
        program.describe(l.out(), desc);
        long size = 2L * l.depth() + 1;
        float alpha = (float) (l.alpha() * size); // oneDNN divides by the size, as Torch does
        var forward = new lrn_forward.primitive_desc(
                new lrn_forward.desc(
                        program.propagation(),
                        algorithm.lrn_across_channels,
                        desc,
                        size,
                        alpha,
                        (float) l.beta(),
                        (float) l.bias()),
                program.attributes,
                program.cpu);
        Buffer x = program.value(l.in());
        Buffer y = program.value(l.out());
        List<Step.Operand> operands = new ArrayList<>(
                List.of(new Step.Operand(DNNL_ARG_SRC, x, desc), new Step.Operand(DNNL_ARG_DST, y, desc)));
        if (!program.training) {
            program.step("LRN forward", new lrn_forward(forward), operands);
            return;
        }
        Step.Operand workspace = program.workspace(forward.workspace_desc());
        operands.add(workspace);
        program.step("LRN forward", new lrn_forward(forward), operands);
        program.tape.add(() -> {
            Buffer dy = program.gradient(l.out());
            var backward = new lrn_backward.primitive_desc(
                    new lrn_backward.desc(
                            algorithm.lrn_across_channels, desc, desc, size, alpha, (float) l.beta(), (float) l.bias()),
                    program.attributes,
                    program.cpu,
                    forward);
            program.step(
                    "LRN backward",
                    new lrn_backward(backward),
                    new Step.Operand(DNNL_ARG_SRC, x, desc),
                    new Step.Operand(DNNL_ARG_DST, y, desc),
                    new Step.Operand(DNNL_ARG_DIFF_DST, dy, desc),
                    new Step.Operand(DNNL_ARG_DIFF_SRC, program.contribution(l.in()), desc),
                    workspace);
        });
    }

    void concat(Op.Concat c) {
        memory.desc dst = program.description(c.out());
        Buffer y = program.value(c.out());
        for (Tensor in : c.ins()) {
            if (in.side() < c.out().side()) {
                program.code("concat", () -> clear(c, in, y), new Step.Operand(0, y, dst));
            }
        }
        int channel = 0;
        for (Tensor in : c.ins()) {
            if (!c.equals(program.liesIn(in))) {
                program.reorder(
                        "concat",
                        program.value(in),
                        program.description(in),
                        y,
                        slice(dst, in, channel, c.out().side()));
            }
            channel += in.channels();
        }
        program.tape.add(() -> {
            Buffer dy = program.gradient(c.out());
            int from = 0;
            for (Tensor in : c.ins()) {
                program.reorder(
                        "split",
                        dy,
                        slice(dst, in, from, c.out().side()),
                        program.contribution(in),
                        program.description(in));
                from += in.channels();
            }
        });
    }

    /** Zeros what an input that is smaller fills only in part. */
    private void clear(Op.Concat c, Tensor in, Buffer y) {
        long image = y.content / program.room;
        long from = program.bytesBefore(c, in);
        for (int i = 0; i < program.room; i++) {
            Pointer.memset(y.pointer().getPointer(i * image + from), 0, in.channels() * program.bytesOfChannel(c));
        }
    }

    /** The part of a concatenation that one input fills: its channels, centred. */
    private memory.desc slice(memory.desc whole, Tensor part, int channel, int side) {
        long margin = (side - part.side()) / 2L;
        return whole.submemory_desc(program.dims(part), new long[] {0, channel, margin, margin});
    }

    /** A 1×1 map in blocked layout is a plain row when the channels are a multiple of the block. */
    void linear(Op.Linear l) {
        if (l.in().channels() % OneDnn.blockSize() != 0) {
            throw new IllegalArgumentException(l.in().channels() + " features are no multiple of " + OneDnn.blockSize()
                    + ", which the oneDNN executor needs");
        }
        memory.desc src =
                new memory.desc(new long[] {program.room, l.in().channels()}, ProgramBuilder.F32, format_tag.nc);
        memory.desc dst =
                new memory.desc(new long[] {program.room, l.out().channels()}, ProgramBuilder.F32, format_tag.nc);
        memory.desc any =
                new memory.desc(new long[] {l.out().channels(), l.in().channels()}, ProgramBuilder.F32, format_tag.any);
        memory.desc plain =
                new memory.desc(new long[] {l.out().channels(), l.in().channels()}, ProgramBuilder.F32, format_tag.oi);
        memory.desc biasDesc = new memory.desc(new long[] {l.out().channels()}, ProgramBuilder.F32, format_tag.x);
        var forward = new inner_product_forward.primitive_desc(
                new inner_product_forward.desc(program.propagation(), src, any, biasDesc, dst),
                program.attributes,
                program.cpu);
        Buffer kernels = program.parameter(l.weight(), plain, forward.weights_desc());
        Buffer bias = program.parameter(l.bias(), biasDesc, biasDesc);
        Buffer x = program.value(l.in());
        program.step(
                "head",
                new inner_product_forward(forward),
                new Step.Operand(DNNL_ARG_SRC, x, src),
                new Step.Operand(DNNL_ARG_WEIGHTS, kernels, forward.weights_desc()),
                new Step.Operand(DNNL_ARG_BIAS, bias, biasDesc),
                new Step.Operand(DNNL_ARG_DST, program.linearOut, dst));
        if (!program.training || program.linearGradient == null) {
            return;
        }
        Buffer dy = program.linearGradient;
        program.tape.add(() -> {
            var backwardWeights = new inner_product_backward_weights.primitive_desc(
                    new inner_product_backward_weights.desc(src, any, biasDesc, dst),
                    program.attributes,
                    program.cpu,
                    forward);
            memory.desc layoutOfGradient = backwardWeights.diff_weights_desc();
            Buffer dw = program.buffer(layoutOfGradient.get_size());
            Buffer db = program.buffer(biasDesc.get_size());
            program.step(
                    "head",
                    new inner_product_backward_weights(backwardWeights),
                    new Step.Operand(DNNL_ARG_SRC, x, src),
                    new Step.Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Step.Operand(DNNL_ARG_DIFF_WEIGHTS, dw, layoutOfGradient),
                    new Step.Operand(DNNL_ARG_DIFF_BIAS, db, biasDesc));
            program.gradientOf(l.weight(), dw, layoutOfGradient, plain);
            program.gradientOf(l.bias(), db, biasDesc, biasDesc);
            var backwardData = new inner_product_backward_data.primitive_desc(
                    new inner_product_backward_data.desc(src, any, dst), program.attributes, program.cpu, forward);
            Buffer again = program.parameter(l.weight(), plain, backwardData.weights_desc());
            program.step(
                    "head",
                    new inner_product_backward_data(backwardData),
                    new Step.Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Step.Operand(DNNL_ARG_WEIGHTS, again, backwardData.weights_desc()),
                    new Step.Operand(DNNL_ARG_DIFF_SRC, program.contribution(l.in()), src));
        });
    }
}
