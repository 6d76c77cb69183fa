package org.openface.nn4;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.List;
import org.openface.nn4.internal.format.ModelFile;
import org.openface.nn4.internal.network.Architecture.TensorSpec;
import org.openface.nn4.internal.network.Parameters;
import org.openface.nn4.internal.state.OptimizerMemory;

/** Networks with weights by formula, also in the running statistics, and ways to write and compare them. */
final class Examples {
    private Examples() {}

    static ModelFile.Contents network(Nn4Model.Variant variant, int embeddingSize) {
        List<TensorSpec> specs = variant.architecture().tensors(embeddingSize);
        Parameters parameters = Reference.parameters(specs);
        int stream = 5000;
        for (TensorSpec spec : specs) {
            if (!spec.trained()) {
                float[] values = parameters.get(spec.name());
                float[] u = Reference.uniform(stream++, values.length);
                for (int i = 0; i < values.length; i++) {
                    values[i] = spec.name().endsWith("mean") ? u[i] / 8 : 1 + u[i] / 2;
                }
            }
        }
        parameters.changed();
        return new ModelFile.Contents(
                variant.architecture(),
                embeddingSize,
                parameters,
                new OptimizerMemory(specs),
                ModelPassport.EMPTY.toFields());
    }

    interface Write {
        void to(OutputStream out, ModelFile.Contents contents) throws IOException;
    }

    static byte[] bytes(Write write, ModelFile.Contents contents) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        write.to(out, contents);
        return out.toByteArray();
    }

    static void assertSame(ModelFile.Contents actual, ModelFile.Contents expected) {
        assertThat(actual.network()).isEqualTo(expected.network());
        assertThat(actual.embeddingSize()).isEqualTo(expected.embeddingSize());
        for (TensorSpec spec : expected.parameters().specs()) {
            assertThat(Arrays.equals(
                            actual.parameters().get(spec.name()),
                            expected.parameters().get(spec.name())))
                    .as(spec.name())
                    .isTrue();
        }
    }
}
