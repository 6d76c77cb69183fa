package org.openface.triplet;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.example.UsesInternals;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.openface.triplet.planted.Exposes;
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

    /** Files that are one: an interface, and the strategies of this library that it makes, or its only two forms. */
    private static final Map<String, List<String>> FACTORIES = Map.of(
            "TripletMiner", List.of("TripletMiners", "ComposedMiner"),
            "PairSelector", List.of("PairSelectors"),
            "TripletFilter", List.of("TripletFilters"),
            "NegativeSelector", List.of("NegativeSelectors"),
            "Mined", List.of("Triplets", "Pairs"),
            "Miner", List.of("PairMiner", "PairMiners"),
            "ClassificationHead", List.of("HeadRun"),
            "Objective", List.of("Sum"),
            "Evaluation", List.of("Verified"),
            "LearningRateSchedule", List.of("Schedules"));

    @Test
    void hasNoCyclesBetweenFilesButOfAnInterfaceAndItsFactory() {
        ArchRule rule = slices().assignedFrom(new Files()).should().beFreeOfCycles();
        check(rule);
        assertThat(violations(rule, One.class, Two.class)).contains(One.class.getName(), Two.class.getName());
    }

    private static final class Files implements SliceAssignment {
        @Override
        public SliceIdentifier getIdentifierOf(JavaClass type) {
            JavaClass outermost = type;
            while (outermost.getEnclosingClass().isPresent()) {
                outermost = outermost.getEnclosingClass().get();
            }
            String file = outermost.getSimpleName();
            for (Map.Entry<String, List<String>> factory : FACTORIES.entrySet()) {
                if (factory.getValue().contains(file)) {
                    file = factory.getKey();
                }
            }
            return SliceIdentifier.of(outermost.getPackageName(), file);
        }

        @Override
        public String getDescription() {
            return "files";
        }
    }

    @Test
    void isUsedByOthersWithoutItsInternals() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackage("org.openface..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAPackage("org.openface..internal..")
                        .allowEmptyShould(true),
                UsesInternals.class);
    }

    @Test
    void letsOutNoTypeThatUsersCannotName() {
        check(
                classes().should(new LetOutOnlyApi()),
                Exposes.Returned.class,
                Exposes.Wanted.class,
                Exposes.Within.class,
                Exposes.Thrown.class,
                Exposes.Held.class,
                Exposes.Made.class,
                Exposes.Inherited.class,
                Exposes.Unnamed.class);
    }

    /** Signatures of API hold API alone. */
    private static final class LetOutOnlyApi extends ArchCondition<JavaClass> {
        LetOutOnlyApi() {
            super("let out only types that are public and not internal, if they are API themselves");
        }

        @Override
        public void check(JavaClass type, ConditionEvents events) {
            if (!isApi(type)) {
                return;
            }
            Stream<JavaType> parents = Stream.concat(type.getSuperclass().stream(), type.getInterfaces().stream());
            parents.forEach(parent -> check(type, type.getName(), parent, events));
            for (JavaMember member : type.getMembers()) {
                if (!member.getModifiers().contains(JavaModifier.SYNTHETIC)
                        && (member.getModifiers().contains(JavaModifier.PUBLIC)
                                || member.getModifiers().contains(JavaModifier.PROTECTED))) {
                    types(member).forEach(used -> check(type, member.getFullName(), used, events));
                }
            }
        }

        private static Stream<JavaType> types(JavaMember member) {
            if (member instanceof JavaCodeUnit unit) {
                return Stream.of(
                                Stream.of(unit.getReturnType()),
                                unit.getParameterTypes().stream(),
                                unit.getExceptionTypes().stream())
                        .flatMap(all -> all);
            }
            return Stream.of(((JavaField) member).getType());
        }

        private static void check(JavaClass type, String where, JavaType used, ConditionEvents events) {
            for (JavaClass each : used.getAllInvolvedRawTypes()) {
                if (each.getPackageName().startsWith("org.openface.") && !isApi(each)) {
                    events.add(SimpleConditionEvent.violated(type, where + " lets out " + each.getName()));
                }
            }
        }

        private static boolean isApi(JavaClass type) {
            return !type.getPackageName().contains(".internal")
                    && type.getModifiers().contains(JavaModifier.PUBLIC)
                    && type.getEnclosingClass().map(LetOutOnlyApi::isApi).orElse(true);
        }
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
