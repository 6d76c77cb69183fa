package org.openface.nn4.internal.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.openface.nn4.ForkedJvm;
import org.openface.nn4.Reference;
import org.openface.nn4.internal.engine.onednn.OneDnnEngine;
import org.openface.nn4.internal.engine.samediff.SameDiffEngine;
import org.openface.nn4.internal.network.Architecture;

class ComputeThreadsTest {
    /** Says how many threads each engine says it has, and how many oneDNN's work was really done on. */
    public static final class Count {
        private Count() {}

        public static void main(String... arguments) throws IOException {
            try (Executor executor = new OneDnnEngine().create(Architecture.NN4_SMALL2, 16, Precision.FLOAT32)) {
                executor.embed(Reference.pixels(2, 96), 2);
                System.out.println("oneDNN says " + executor.threads() + ", has " + team() + ";");
            }
            try (Executor executor = new SameDiffEngine().create(Architecture.NN4_SMALL2, 16, Precision.FLOAT32)) {
                System.out.println("ND4J says " + executor.threads() + ";");
            }
        }

        /** OpenMP's threads have the name of the one that started them. */
        private static long team() throws IOException {
            try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
                return tasks.filter(task -> {
                            try {
                                return Files.readString(task.resolve("comm"))
                                        .strip()
                                        .equals("openface-nn4");
                            } catch (IOException e) {
                                return false; // the thread has ended
                            }
                        })
                        .count();
            }
        }
    }

    @Test
    void theVariableCountsBeforeTheProcessors() {
        assertThat(ComputeThreads.wanted(null, 8)).isEqualTo(8);
        assertThat(ComputeThreads.wanted("3", 8)).isEqualTo(3);
        assertThat(ComputeThreads.wanted(" 16 , 4", 8)).isEqualTo(16);
        assertThat(ComputeThreads.wanted("0", 8)).isEqualTo(8);
        assertThat(ComputeThreads.wanted("-2", 8)).isEqualTo(8);
        assertThat(ComputeThreads.wanted("", 8)).isEqualTo(8);
        assertThat(ComputeThreads.wanted("all", 8)).isEqualTo(8);
    }

    @Test
    @Tag("native")
    @EnabledOnOs(OS.LINUX)
    void whatIsReportedIsWhatIsUsed() throws Exception {
        assertThat(ForkedJvm.run(Count.class, List.of(), Map.of("OMP_NUM_THREADS", "3")))
                .contains("oneDNN says 3, has 3;")
                .contains("ND4J says 3;");
        // Java counts a container's quota as processors; this is how to have one without a container.
        assertThat(ForkedJvm.run(Count.class, List.of("-XX:ActiveProcessorCount=1"), Map.of("OMP_NUM_THREADS", "")))
                .contains("oneDNN says 1, has 1;")
                .contains("ND4J says 1;");
    }
}
