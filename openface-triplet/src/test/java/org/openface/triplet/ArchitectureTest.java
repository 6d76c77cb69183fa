package org.openface.triplet;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import org.junit.jupiter.api.Test;
import org.openface.triplet.planted.one.One;
import org.openface.triplet.planted.two.Two;

/** What holds this module together and the compiler does not check. */
class ArchitectureTest {
    private static final JavaClasses TRIPLET = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.openface.triplet");

    @Test
    void knowsNoEngineAndOfTheModulesOnlyCore() {
        check(
                noClasses()
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(
                                "org.nd4j..", "org.bytedeco..", "org.openface.nn4..", "org.openface.align.."),
                Planted.KnowsNd4j.class,
                Planted.KnowsBytedeco.class,
                Planted.KnowsTheNetwork.class,
                Planted.KnowsTheAligner.class);
    }

    @Test
    void hasNoCyclesBetweenPackages() {
        ArchRule rule = slices().matching("org.openface.(**)").should().beFreeOfCycles();
        check(rule);
        assertThat(violations(rule, One.class, Two.class)).contains(One.class.getName(), Two.class.getName());
    }

    @Test
    void neverPrints() {
        check(NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS, Planted.Prints.class, Planted.Complains.class);
    }

    @Test
    void opensNoConnectionAndReadsNoSerialisedObjects() {
        check(
                noClasses()
                        .should()
                        .dependOnClassesThat()
                        .haveNameMatching("java\\.net\\..*|java\\.io\\.ObjectInputStream"),
                Planted.Connects.class,
                Planted.ReadsObjects.class);
    }

    @Test
    void drawsOnlyAddressedRandomNumbers() {
        check(
                noClasses()
                        .should()
                        .dependOnClassesThat()
                        .haveNameMatching("java\\.util\\.(Random|SplittableRandom|UUID|concurrent\\.ThreadLocalRandom)"
                                + "|java\\.security\\.SecureRandom")
                        .orShould()
                        .callMethod(Math.class, "random"),
                Planted.DrawsRandom.class,
                Planted.DrawsSplittable.class,
                Planted.DrawsUuid.class,
                Planted.DrawsThreadLocal.class,
                Planted.DrawsSecure.class,
                Planted.DrawsMath.class);
    }

    /**
     * The rule holds for the module, and each of the classes that break it on purpose would not get past it: a rule that looks
     * at nothing holds as well.
     */
    private static void check(ArchRule rule, Class<?>... planted) {
        rule.check(TRIPLET);
        for (Class<?> one : planted) {
            assertThat(violations(rule, one))
                    .as("%s: %s", one, rule.getDescription())
                    .contains(one.getName());
        }
    }

    private static String violations(ArchRule rule, Class<?>... planted) {
        return String.join(
                "\n",
                rule.evaluate(new ClassFileImporter().importClasses(planted))
                        .getFailureReport()
                        .getDetails());
    }
}
