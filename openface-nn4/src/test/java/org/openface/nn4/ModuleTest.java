package org.openface.nn4;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import org.junit.jupiter.api.Test;
import org.openface.nn4.internal.format.PlantedFormat;

/** What holds this module together and the compiler does not check. */
class ModuleTest {
    private static final JavaClasses NN4 = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.openface.nn4");

    @Test
    void knowsOfTheModulesOnlyCore() {
        check(
                noClasses()
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage("org.openface.align..", "org.openface.triplet.."),
                Planted.KnowsTheAligner.class,
                Planted.KnowsTheTrainer.class);
    }

    @Test
    void neverPrints() {
        check(NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS, Planted.Prints.class);
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
    void drawsNoUnseededRandomNumbers() {
        check(
                noClasses()
                        .should()
                        .dependOnClassesThat()
                        .haveNameMatching("java\\.util\\.(Random|concurrent\\.ThreadLocalRandom)"
                                + "|java\\.security\\.SecureRandom")
                        .orShould()
                        .callMethod(Math.class, "random"),
                Planted.DrawsRandom.class,
                Planted.DrawsThreadLocal.class,
                Planted.DrawsMath.class);
    }

    @Test
    void formatsKnowNeitherTheModelNorTheEngines() {
        check(
                noClasses()
                        .that()
                        .resideInAPackage("org.openface.nn4.internal.format..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage("org.openface.nn4", "org.openface.nn4.internal.engine.."),
                PlantedFormat.KnowsTheModel.class,
                PlantedFormat.KnowsAnEngine.class);
    }

    /**
     * The rule holds for the module, and each of the classes that break it on purpose would not get past it: a rule that looks
     * at nothing holds as well.
     */
    private static void check(ArchRule rule, Class<?>... planted) {
        rule.check(NN4);
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
