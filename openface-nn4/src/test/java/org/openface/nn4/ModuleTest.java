package org.openface.nn4;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.properties.HasModifiers.Predicates.modifier;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.codeUnits;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.openface.nn4.internal.training.PlantedUser;

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

    /** So that a room can be read, and taken away, with what it stands on alone. */
    @Test
    void packagesKnowEachOtherInNoCircle() {
        ArchRule rule = slices().matching("org.openface.(**)").should().beFreeOfCycles();
        rule.check(NN4);
        assertThat(violations(rule, Planted.KnowsItsUser.class, PlantedUser.class))
                .contains(Planted.KnowsItsUser.class.getName());
    }

    /** Another engine is one package more and a line in the list of engines. */
    @Test
    void enginesAreKnownOnlyToTheListOfThem() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackages(
                                "org.openface.nn4.internal.engine.onednn..",
                                "org.openface.nn4.internal.engine.samediff..")
                        .and()
                        .doNotHaveFullyQualifiedName("org.openface.nn4.Engines")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(
                                "org.openface.nn4.internal.engine.onednn..",
                                "org.openface.nn4.internal.engine.samediff.."),
                Planted.KnowsAnEngine.class);
    }

    @Test
    void exposesNoInternalType() {
        check(
                codeUnits()
                        .that()
                        .areDeclaredInClassesThat(
                                resideInAPackage("org.openface.nn4").and(modifier(JavaModifier.PUBLIC)))
                        .and(DescribedPredicate.<JavaCodeUnit>describe(
                                "are public or protected",
                                unit -> unit.getModifiers().contains(JavaModifier.PUBLIC)
                                        || unit.getModifiers().contains(JavaModifier.PROTECTED)))
                        .should(new ArchCondition<JavaCodeUnit>("name no internal type") {
                            @Override
                            public void check(JavaCodeUnit unit, ConditionEvents events) {
                                Stream.concat(Stream.of(unit.getReturnType()), unit.getParameterTypes().stream())
                                        .flatMap(type -> type.getAllInvolvedRawTypes().stream())
                                        .filter(type -> type.getPackageName().contains(".internal"))
                                        .forEach(type -> events.add(SimpleConditionEvent.violated(
                                                unit, unit.getFullName() + " names " + type.getName())));
                            }
                        }),
                Planted.ReturnsInternals.class,
                Planted.TakesInternals.class);
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
