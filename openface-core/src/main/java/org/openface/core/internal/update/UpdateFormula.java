package org.openface.core.internal.update;

import java.util.List;
import org.openface.core.embedding.Optimizer;

/**
 * The formulas by which optimisers turn gradients into new parameters: plain loops over arrays in the order of PyTorch's
 * operations, the same for a network on every engine that leaves this to Java and for whatever is learnt along with it.
 */
public final class UpdateFormula {
    private UpdateFormula() {}

    /** The rule without what is done with all parameters together, clipping and averaging. */
    public static Optimizer plain(Optimizer optimizer) {
        if (optimizer instanceof Optimizer.Averaged averaged) {
            return plain(averaged.rule());
        } else if (optimizer instanceof Optimizer.Clipped clipped) {
            return plain(clipped.rule());
        }
        return optimizer;
    }

    /** How many arrays of a parameter's shape a plain rule remembers. */
    public static int moments(Optimizer plain) {
        return plain instanceof Optimizer.Sgd ? 1 : 2;
    }

    /**
     * Leaves the new values of some parameters where their gradient was, and tells whether all of them and all that is remembered are
     * finite.
     *
     * @param plain see {@link #plain(Optimizer)}
     * @param steps taken, with this one
     * @param decays whether weight decay touches them
     * @param p parameters; not changed
     * @param g gradient; overwritten
     * @param moments what the rule remembers, as many as {@link #moments} says
     * @param from first place of all of these arrays
     * @param to place after the last
     */
    public static boolean apply(
            Optimizer plain,
            long steps,
            boolean decays,
            float[] p,
            float[] g,
            List<float[]> moments,
            int from,
            int to) {
        if (plain instanceof Optimizer.Adam adam) {
            adam(adam, steps, 1, p, g, moments.get(0), moments.get(1), from, to);
        } else if (plain instanceof Optimizer.AdamW adam) {
            adam(
                    new Optimizer.Adam(adam.learningRate(), adam.beta1(), adam.beta2(), adam.epsilon()),
                    steps,
                    decays ? (float) (1 - adam.learningRate() * adam.weightDecay()) : 1,
                    p,
                    g,
                    moments.get(0),
                    moments.get(1),
                    from,
                    to);
        } else if (plain instanceof Optimizer.Sgd sgd) {
            sgd(sgd, p, g, moments.get(0), decays ? (float) sgd.weightDecay() : 0, from, to);
        } else if (plain instanceof Optimizer.AdaDelta adaDelta) {
            adaDelta(adaDelta, p, g, moments.get(0), moments.get(1), from, to);
        } else if (plain instanceof Optimizer.RmsProp rmsProp) {
            rmsProp(rmsProp, p, g, moments.get(0), moments.get(1), from, to);
        } else {
            throw new IllegalArgumentException(plain + " is no plain rule");
        }
        boolean finite = isFinite(g, from, to);
        for (float[] moment : moments) {
            finite &= isFinite(moment, from, to);
        }
        return finite;
    }

    /** Whether no value is NaN or infinite. */
    public static boolean isFinite(float[] values) {
        return isFinite(values, 0, values.length);
    }

    /** Whether no value of a stretch is NaN or infinite. */
    private static boolean isFinite(float[] values, int from, int to) {
        float a = 0; // four chains, so that additions overlap
        float b = 0;
        float c = 0;
        float d = 0;
        int i = from;
        for (; i + 4 <= to; i += 4) {
            a += values[i] * 0; // NaN if the value is NaN or infinite
            b += values[i + 1] * 0;
            c += values[i + 2] * 0;
            d += values[i + 3] * 0;
        }
        for (; i < to; i++) {
            a += values[i] * 0;
        }
        return a + b + c + d == 0;
    }

    // Each rule leaves the new values where the gradient was: parameters change only when all new values are known.

    /** Kingma and Ba, 2015, in the order of operations of their section 2. */
    private static void adam(
            Optimizer.Adam adam, long steps, float keep, float[] p, float[] g, float[] m, float[] v, int from, int to) {
        float beta1 = (float) adam.beta1();
        float beta2 = (float) adam.beta2();
        float rest1 = (float) (1 - adam.beta1());
        float rest2 = (float) (1 - adam.beta2());
        float epsilon = (float) adam.epsilon();
        float stepSize = (float) (adam.learningRate() / (1 - Math.pow(adam.beta1(), (double) steps)));
        float correction2 = (float) Math.sqrt(1 - Math.pow(adam.beta2(), (double) steps));
        for (int i = from; i < to; i++) {
            m[i] = beta1 * m[i] + rest1 * g[i];
            v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
            g[i] = keep * p[i] - stepSize * m[i] / ((float) Math.sqrt(v[i]) / correction2 + epsilon);
        }
    }

    private static void sgd(
            Optimizer.Sgd sgd, float[] p, float[] g, float[] velocity, float weightDecay, int from, int to) {
        float momentum = (float) sgd.momentum();
        float learningRate = (float) sgd.learningRate();
        for (int i = from; i < to; i++) {
            velocity[i] = momentum * velocity[i] + (g[i] + weightDecay * p[i]);
            g[i] = p[i] - learningRate * velocity[i];
        }
    }

    private static void adaDelta(
            Optimizer.AdaDelta rule, float[] p, float[] g, float[] square, float[] step, int from, int to) {
        float rho = (float) rule.rho();
        float rest = (float) (1 - rule.rho());
        float epsilon = (float) rule.epsilon();
        float learningRate = (float) rule.learningRate();
        for (int i = from; i < to; i++) {
            square[i] = rho * square[i] + rest * g[i] * g[i];
            float delta = (float) Math.sqrt(step[i] + epsilon) / (float) Math.sqrt(square[i] + epsilon) * g[i];
            step[i] = rho * step[i] + rest * delta * delta;
            g[i] = p[i] - learningRate * delta;
        }
    }

    private static void rmsProp(
            Optimizer.RmsProp rule, float[] p, float[] g, float[] square, float[] velocity, int from, int to) {
        float alpha = (float) rule.alpha();
        float rest = (float) (1 - rule.alpha());
        float momentum = (float) rule.momentum();
        float epsilon = (float) rule.epsilon();
        float learningRate = (float) rule.learningRate();
        for (int i = from; i < to; i++) {
            square[i] = alpha * square[i] + rest * g[i] * g[i];
            velocity[i] = momentum * velocity[i] + g[i] / ((float) Math.sqrt(square[i]) + epsilon);
            g[i] = p[i] - learningRate * velocity[i];
        }
    }
}
