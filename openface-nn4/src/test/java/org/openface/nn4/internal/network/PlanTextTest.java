package org.openface.nn4.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The plans among the resources are those of the graphs. {@code mvn test -pl openface-nn4 -am -Dtest=PlanTextTest
 * -Dsurefire.failIfNoSpecifiedTests=false -Dplans.write=true} writes them anew after a change of {@link Nn4Graph}.
 */
@Tag("native")
class PlanTextTest {
    static List<Architecture> networks() {
        return Architecture.all();
    }

    @ParameterizedTest
    @MethodSource("networks")
    void theStoredPlanIsTheGraphs(Architecture network) throws IOException {
        Plan plan = Lowering.of(new Nn4Graph(network, 24, true).sameDiff());
        if (Boolean.getBoolean("plans.write")) {
            Files.writeString(
                    Path.of("src/main/resources/org/openface/nn4/internal/network", PlanText.resource(network)),
                    PlanText.write(plan));
        }
        assertThat(PlanText.read(PlanText.write(plan), 24)).isEqualTo(plan);
        assertThat(PlanText.of(network, 24))
                .as("the graph of %s has changed: write its plan anew, as said above this class", network)
                .isEqualTo(plan);
    }
}
