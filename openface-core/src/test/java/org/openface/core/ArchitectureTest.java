package org.openface.core;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.conditions.ArchConditions.callMethod;
import static com.tngtech.archunit.lang.conditions.ArchConditions.have;
import static com.tngtech.archunit.lang.conditions.ArchConditions.not;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.members;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.io.ObjectInputStream;
import java.security.SecureRandom;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;
import org.openface.core.plantedone.One;
import org.openface.core.plantedtwo.Two;

/**
 * What holds this module together and the compiler does not check. Plain tests: ArchUnit's own {@code @ArchTest} fields
 * are found but not run by this build's Surefire, and then pass whatever they say.
 */
class ArchitectureTest {
    private static final JavaClasses CORE = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.openface.core");

    @Test
    void isPlainJava() {
        check(
                noClasses()
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(
                                "org.nd4j..",
                                "org.bytedeco..",
                                "org.openface.align..",
                                "org.openface.triplet..",
                                "org.openface.nn4.."),
                Planted.KnowsNd4j.class,
                Planted.KnowsBytedeco.class,
                Planted.KnowsTheAligner.class,
                Planted.KnowsTheTrainer.class,
                Planted.KnowsTheNetwork.class);
    }

    @Test
    void hasNoCyclesBetweenPackages() {
        ArchRule rule = slices().matching("org.openface.(**)").should().beFreeOfCycles();
        check(rule);
        assertThat(violations(rule, One.class, Two.class)).contains(One.class.getName(), Two.class.getName());
    }

    /** What a user sees is made of what a user may use. */
    @Test
    void noInternalTypeInTheApi() {
        check(
                members()
                        .that(describe("are visible to users", ArchitectureTest::isApi))
                        .should(not(have(describe("an internal type", ArchitectureTest::showsInternals)))),
                Planted.TakesAnInternalType.class,
                Planted.GivesAnInternalType.class,
                Planted.HoldsAnInternalType.class);
        assertThat(CORE.stream().flatMap(type -> type.getMembers().stream()).filter(ArchitectureTest::isApi))
                .hasSizeGreaterThan(150);
    }

    private static boolean isApi(JavaMember member) {
        boolean seen = isSeen(member.getModifiers());
        for (JavaClass owner = member.getOwner();
                owner != null;
                owner = owner.getEnclosingClass().orElse(null)) {
            seen &= isSeen(owner.getModifiers()) && !isInternal(owner);
        }
        return seen;
    }

    private static boolean isSeen(Set<JavaModifier> modifiers) {
        return modifiers.contains(JavaModifier.PUBLIC) || modifiers.contains(JavaModifier.PROTECTED);
    }

    private static boolean showsInternals(JavaMember member) {
        return member.getAllInvolvedRawTypes().stream().anyMatch(ArchitectureTest::isInternal);
    }

    private static boolean isInternal(JavaClass type) {
        return (type.getPackageName() + ".").contains(".internal.");
    }

    @Test
    void neverPrints() {
        check(NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS, Planted.Prints.class, Planted.Complains.class);
    }

    @Test
    void opensNoConnection() {
        check(
                noClasses()
                        .should()
                        .dependOnClassesThat()
                        // URI and URLDecoder open nothing
                        .haveNameMatching("java\\.net\\.(.*Socket.*|URL|.*Connection|.*Address)"
                                + "|java\\.nio\\.channels\\..*(Socket|Datagram).*")
                        .orShould()
                        .dependOnClassesThat()
                        .resideInAnyPackage("java.net.http..", "javax.net..", "java.rmi.."),
                Planted.HasASocket.class,
                Planted.HasAnAddress.class,
                Planted.HasAUrl.class,
                Planted.HasAConnection.class,
                Planted.HasASocketChannel.class,
                Planted.HasADatagramChannel.class,
                Planted.HasAClient.class,
                Planted.HasAFactory.class,
                Planted.IsRemote.class);
    }

    @Test
    void readsNoSerializedObjects() {
        check(
                noClasses().should().dependOnClassesThat().areAssignableTo(ObjectInputStream.class),
                Planted.ReadsObjects.class);
    }

    @Test
    void drawsNoUnseededRandomNumbers() {
        check(
                noClasses()
                        .should()
                        .callConstructor(Random.class)
                        .orShould()
                        .callConstructor(SplittableRandom.class)
                        .orShould()
                        .dependOnClassesThat()
                        .areAssignableTo(ThreadLocalRandom.class)
                        .orShould()
                        .dependOnClassesThat()
                        .areAssignableTo(SecureRandom.class)
                        .orShould(callMethod(Math.class, "random"))
                        .orShould(callMethod(Collections.class, "shuffle", List.class))
                        .orShould(callMethod(UUID.class, "randomUUID")),
                Planted.DrawsRandom.class,
                Planted.DrawsSplittable.class,
                Planted.DrawsThreadLocal.class,
                Planted.DrawsSecure.class,
                Planted.DrawsMath.class,
                Planted.Shuffles.class,
                Planted.DrawsUuid.class);
    }

    /**
     * The rule holds for the module, and each of the classes that break it on purpose would not get past it: a rule that looks
     * at nothing holds as well.
     */
    private static void check(ArchRule rule, Class<?>... planted) {
        rule.check(CORE);
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
