package org.openface.nn4.internal.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import com.google.common.primitives.Floats;
import java.util.List;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.bytedeco.dnnl.batch_normalization_backward;
import org.bytedeco.dnnl.batch_normalization_forward;
import org.bytedeco.dnnl.convolution_backward_data;
import org.bytedeco.dnnl.convolution_backward_weights;
import org.bytedeco.dnnl.convolution_forward;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.memory.format_tag;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;
import org.openface.nn4.internal.engine.onednn.OneDnnProgram.Mode;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.network.Plan.Op;

/** Translates convolutions with the batch-norm and ReLU behind them. */
@SuppressWarnings("VariableNameSameAsType") // the preset has types named desc, memory, primitive
final class ConvolutionCompiler {
    private static final int FEWEST_TILES = 36;

    private final ProgramBuilder program;

    ConvolutionCompiler(ProgramBuilder program) {
        this.program = program;
    }

    /**
     * Without its bias: batch-norm subtracts the mean, so that a bias changes neither output nor gradient, and has gradient
     * zero. Only the reported batch mean needs it. (With frozen statistics a bias would have a gradient: it is taken for
     * frozen, too.)
     */
    void convolution(Op.Convolution c) {
        memory.desc src = program.description(c.in());
        memory.desc dst = program.description(c.out());
        memory.desc any = new memory.desc(ProgramBuilder.weightDims(c), program.type, format_tag.any);
        memory.desc anyGradient = new memory.desc(ProgramBuilder.weightDims(c), ProgramBuilder.F32, format_tag.any);
        long[] stride = {c.stride(), c.stride()};
        long[] left = {c.padding(), c.padding()};
        long[] right = ProgramBuilder.rightPadding(c.in().side(), c.out().side(), c.kernel(), c.stride(), c.padding());
        var forward = new convolution_forward.primitive_desc(
                new convolution_forward.desc(
                        prop_kind.forward_training, algorithm(c, 12), src, any, dst, stride, left, right),
                program.attributes,
                program.cpu);
        memory.desc plain = new memory.desc(ProgramBuilder.weightDims(c), ProgramBuilder.F32, format_tag.oihw);
        Buffer kernels = program.parameter(c.weight(), plain, forward.weights_desc());
        String kind = c.kernel() + "x" + c.kernel();
        Buffer x = program.value(c.in());
        Buffer y = program.value(c.out());
        program.step(
                kind + " forward",
                new convolution_forward(forward),
                new Step.Operand(DNNL_ARG_SRC, x, src),
                new Step.Operand(DNNL_ARG_WEIGHTS, kernels, forward.weights_desc()),
                new Step.Operand(DNNL_ARG_DST, y, dst));
        program.tape.add(() -> {
            Buffer dy = program.gradient(c.out());
            var backwardWeights = new convolution_backward_weights.primitive_desc(
                    new convolution_backward_weights.desc(algorithm(c, 1), src, anyGradient, dst, stride, left, right),
                    program.attributes,
                    program.cpu,
                    forward);
            memory.desc layoutOfGradient = backwardWeights.diff_weights_desc();
            Buffer dw = program.buffer(layoutOfGradient.get_size());
            program.step(
                    kind + " backward weights",
                    new convolution_backward_weights(backwardWeights),
                    new Step.Operand(DNNL_ARG_SRC, x, src),
                    new Step.Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Step.Operand(DNNL_ARG_DIFF_WEIGHTS, dw, layoutOfGradient));
            program.gradientOf(c.weight(), dw, layoutOfGradient, plain);
            program.noGradientOf(c.bias(), c.out().channels());
            if (c.in().equals(program.plan.input())) {
                return;
            }
            var backwardData = new convolution_backward_data.primitive_desc(
                    new convolution_backward_data.desc(algorithm(c, 12), src, any, dst, stride, left, right),
                    program.attributes,
                    program.cpu,
                    forward);
            Buffer again = program.parameter(c.weight(), plain, backwardData.weights_desc());
            Buffer dx = program.contribution(c.in());
            program.step(
                    kind + " backward data",
                    new convolution_backward_data(backwardData),
                    new Step.Operand(DNNL_ARG_DIFF_DST, dy, dst),
                    new Step.Operand(DNNL_ARG_WEIGHTS, again, backwardData.weights_desc()),
                    new Step.Operand(DNNL_ARG_DIFF_SRC, dx, src));
        });
    }

    /**
     * Winograd's minimal filtering needs 36 multiplications where the direct way needs 144 (Lavin and Gray, <i>Fast
     * Algorithms for Convolutional Neural Networks</i>, 2016). oneDNN has it for 3×3 with stride 1 on AVX-512. It pays from
     * a certain size of map on, which differs between directions; and in training, where weights are transformed each time,
     * from so many tiles of 4×4 on. The limits were measured, see the benchmarks' results: ones that each process measured
     * anew would give other bits each time.
     */
    private algorithm algorithm(Op.Convolution c, int smallestSide) {
        int tilesAcross = (c.out().side() + 3) / 4;
        boolean winograd = program.type == ProgramBuilder.F32
                && OneDnn.blockSize() == 16
                && c.kernel() == 3
                && c.stride() == 1
                && c.out().side() >= smallestSide
                && (!program.training || program.room * tilesAcross * tilesAcross >= FEWEST_TILES);
        return winograd ? algorithm.convolution_winograd : algorithm.convolution_direct;
    }

    void batchNormRelu(Op.BatchNormRelu b) {
        boolean frozen = program.mode == Mode.TRAINING_FROZEN;
        int flags = normalization_flags.use_scale_shift.value
                | normalization_flags.fuse_norm_relu.value
                | (frozen ? normalization_flags.use_global_stats.value : 0);
        int channels = b.in().channels();
        IntFunction<batch_normalization_forward.primitive_desc> forward =
                images -> new batch_normalization_forward.primitive_desc(
                        new batch_normalization_forward.desc(
                                prop_kind.forward_training.value,
                                program.description(b.in(), images),
                                (float) b.epsilon(),
                                flags),
                        program.attributes,
                        program.cpu);
        memory.desc pair = new memory.desc(new long[] {2, channels}, ProgramBuilder.F32, format_tag.nc);
        memory.desc vector = new memory.desc(new long[] {channels}, ProgramBuilder.F32, format_tag.x);
        Buffer scaleShift = program.borrow(
                b.scale() + ", " + b.shift(),
                parameters -> Floats.concat(parameters.get(b.scale()), parameters.get(b.shift())),
                pair,
                pair);
        String bias = b.layer() + ".bias";
        Buffer mean;
        Buffer variance;
        if (frozen) {
            String runningMean = b.layer() + ".bn.running_mean";
            mean = program.borrow(
                    runningMean + " - " + bias,
                    parameters -> {
                        float[] m = parameters.get(runningMean).clone();
                        float[] left = parameters.get(bias); // left out of the convolution, see there
                        for (int c = 0; c < channels; c++) {
                            m[c] -= left[c];
                        }
                        return m;
                    },
                    vector,
                    vector);
            variance = program.parameter(b.layer() + ".bn.running_var", vector, vector);
        } else {
            mean = program.ownBuffer(4L * channels);
            variance = program.ownBuffer(4L * channels);
        }
        program.statistics.put(b.layer(), new ProgramBuilder.BatchStatistics(mean, variance, channels, bias));
        Buffer workspace =
                program.workspace(forward.apply(program.room).workspace_desc()).buffer();
        Buffer x = program.value(b.in());
        Buffer y = program.value(b.out());
        program.sizedStep(
                "batch-norm forward",
                images -> {
                    memory.desc desc = program.description(b.in(), images);
                    var primitive = forward.apply(images);
                    return new Step.Call(
                            new batch_normalization_forward(primitive),
                            List.of(
                                    new Step.Operand(DNNL_ARG_SRC, x, desc),
                                    new Step.Operand(DNNL_ARG_DST, y, desc),
                                    new Step.Operand(DNNL_ARG_SCALE_SHIFT, scaleShift, pair),
                                    new Step.Operand(DNNL_ARG_MEAN, mean, vector),
                                    new Step.Operand(DNNL_ARG_VARIANCE, variance, vector),
                                    new Step.Operand(DNNL_ARG_WORKSPACE, workspace, primitive.workspace_desc())));
                },
                y);
        program.tape.add(() -> {
            Buffer dy = program.gradient(b.out());
            Buffer dx = program.contribution(b.in());
            Buffer dScaleShift = program.buffer(8L * channels).kept();
            program.sizedStep(
                    "batch-norm backward",
                    images -> {
                        memory.desc desc = program.description(b.in(), images);
                        var hint = forward.apply(images);
                        var primitive = new batch_normalization_backward.primitive_desc(
                                new batch_normalization_backward.desc(
                                        prop_kind.backward.value, desc, desc, (float) b.epsilon(), flags),
                                program.attributes,
                                program.cpu,
                                hint);
                        return new Step.Call(
                                new batch_normalization_backward(primitive),
                                List.of(
                                        new Step.Operand(DNNL_ARG_SRC, x, desc),
                                        new Step.Operand(DNNL_ARG_DIFF_DST, dy, desc),
                                        new Step.Operand(DNNL_ARG_DIFF_SRC, dx, desc),
                                        new Step.Operand(DNNL_ARG_SCALE_SHIFT, scaleShift, pair),
                                        new Step.Operand(DNNL_ARG_DIFF_SCALE_SHIFT, dScaleShift, pair),
                                        new Step.Operand(DNNL_ARG_MEAN, mean, vector),
                                        new Step.Operand(DNNL_ARG_VARIANCE, variance, vector),
                                        new Step.Operand(DNNL_ARG_WORKSPACE, workspace, hint.workspace_desc())));
                    },
                    dx);
            program.gradientOf(b.scale(), dScaleShift, 0, channels);
            program.gradientOf(b.shift(), dScaleShift, channels, channels);
        });
    }

    /** For inference: batch-norm's affine map is multiplied into the convolution's weights and bias. */
    void foldedConvolution(Op.Convolution c, Op.BatchNormRelu norm) {
        memory.desc src = program.description(c.in());
        memory.desc dst = program.description(norm.out());
        memory.desc any = new memory.desc(ProgramBuilder.weightDims(c), ProgramBuilder.F32, format_tag.any);
        memory.desc biasDesc = new memory.desc(new long[] {c.out().channels()}, ProgramBuilder.F32, format_tag.x);
        post_ops relu = new post_ops();
        relu.append_eltwise(1f, algorithm.eltwise_relu, 0f, 0f);
        primitive_attr fused = new primitive_attr();
        fused.set_scratchpad_mode(scratchpad_mode.user);
        fused.set_post_ops(relu);
        var forward = new convolution_forward.primitive_desc(
                new convolution_forward.desc(
                        prop_kind.forward_inference,
                        algorithm(c, 12),
                        src,
                        any,
                        biasDesc,
                        dst,
                        new long[] {c.stride(), c.stride()},
                        new long[] {c.padding(), c.padding()},
                        ProgramBuilder.rightPadding(
                                c.in().side(), c.out().side(), c.kernel(), c.stride(), c.padding())),
                fused,
                program.cpu);
        memory.desc weightDesc = forward.weights_desc();
        Function<Parameters, float[]> factors = parameters -> {
            float[] scale = parameters.get(norm.scale()).clone();
            float[] variance = parameters.get(norm.layer() + ".bn.running_var");
            for (int o = 0; o < scale.length; o++) {
                scale[o] = (float) (scale[o] / Math.sqrt(variance[o] + norm.epsilon()));
            }
            return scale;
        };
        Buffer kernels = program.borrow(
                c.weight() + ", folded",
                parameters -> {
                    float[] w = parameters.get(c.weight()).clone();
                    float[] factor = factors.apply(parameters);
                    int perChannel = w.length / factor.length;
                    for (int i = 0; i < w.length; i++) {
                        w[i] *= factor[i / perChannel];
                    }
                    return w;
                },
                new memory.desc(ProgramBuilder.weightDims(c), ProgramBuilder.F32, format_tag.oihw),
                weightDesc);
        Buffer bias = program.borrow(
                c.bias() + ", folded",
                parameters -> {
                    float[] b = parameters.get(c.bias()).clone();
                    float[] factor = factors.apply(parameters);
                    float[] mean = parameters.get(norm.layer() + ".bn.running_mean");
                    float[] shift = parameters.get(norm.shift());
                    for (int o = 0; o < b.length; o++) {
                        b[o] = (b[o] - mean[o]) * factor[o] + shift[o];
                    }
                    return b;
                },
                biasDesc,
                biasDesc);
        program.step(
                c.kernel() + "x" + c.kernel() + " forward",
                new convolution_forward(forward),
                new Step.Operand(DNNL_ARG_SRC, program.value(c.in()), src),
                new Step.Operand(DNNL_ARG_WEIGHTS, kernels, weightDesc),
                new Step.Operand(DNNL_ARG_BIAS, bias, biasDesc),
                new Step.Operand(DNNL_ARG_DST, program.value(norm.out()), dst));
    }
}
