package org.openface.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;
import org.openface.core.embedding.EmbeddingBatch;
import org.openface.core.embedding.FaceBatch;
import org.openface.core.embedding.Optimizer;
import org.openface.core.embedding.TrainableEmbedder.ExecutionPlan;
import org.openface.core.embedding.TrainableEmbedder.ForwardPass;
import org.openface.nn4.Nn4Model;
import org.openface.nn4.Nn4Model.Variant;

/**
 * One training step over a large batch in chunks: its memory and its time.
 *
 * <pre>
 * java -Xmx1500m -Dorg.bytedeco.javacpp.maxbytes=4g -Dorg.bytedeco.javacpp.maxphysicalbytes=6g \
 *     -cp benchmarks/target/benchmarks.jar org.openface.benchmarks.LargeBatch IMAGES BUDGET_MB [STEPS]
 * </pre>
 */
public final class LargeBatch {
    private LargeBatch() {}

    /** See the class comment. */
    public static void main(String[] args) throws IOException {
        int images = Integer.parseInt(args[0]);
        long budget = Long.parseLong(args[1]) << 20;
        int steps = args.length > 2 ? Integer.parseInt(args[2]) : 2;
        float[] pixels = new float[images * 96 * 96 * 3];
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextDouble();
        }
        FaceBatch batch = FaceBatch.of(96, pixels, new int[images]);
        float[] gradient = new float[images * 128];
        for (int i = 0; i < gradient.length; i++) {
            gradient[i] = (float) random.nextDouble(-1, 1) / images;
        }
        try (Nn4Model model = Nn4Model.builder(Variant.NN4_SMALL2).build()) {
            ExecutionPlan plan = model.plan(images, budget);
            System.out.println(plan);
            for (int step = 0; step < steps; step++) {
                long start = System.nanoTime();
                try (ForwardPass pass = model.forward(batch, plan)) {
                    pass.update(new EmbeddingBatch(128, gradient), Optimizer.adam(1e-4));
                }
                System.out.printf(
                        Locale.ROOT,
                        "step %d: %.3f ms per image%n",
                        step + 1,
                        (System.nanoTime() - start) / 1e6 / images);
            }
        }
        Path status = Path.of("/proc/self/status");
        if (Files.exists(status)) {
            Files.readAllLines(status).stream()
                    .filter(l -> l.startsWith("VmHWM"))
                    .forEach(System.out::println);
        }
        System.exit(0);
    }
}
