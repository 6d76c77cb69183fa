package org.openface.align;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.conditions.ArchConditions.have;
import static com.tngtech.archunit.lang.conditions.ArchConditions.not;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.codeUnits;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.members;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.openface.align.plantedone.One;
import org.openface.align.plantedtwo.Two;

/** What holds this module together and the compiler does not check. */
class ArchitectureTest {
    private static final JavaClasses ALIGN = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.openface.align");

    @Test
    void dependsOnCoreOnly() {
        check(
                classes()
                        .should()
                        .onlyDependOnClassesThat()
                        .resideInAnyPackage(
                                "org.openface.align..",
                                "org.openface.core..",
                                "org.bytedeco..",
                                "org.opencv..",
                                "com.google.common..",
                                "org.jspecify..",
                                "java.."),
                Planted.KnowsAnotherLibrary.class);
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
        assertThat(ALIGN.stream().flatMap(type -> type.getMembers().stream()).filter(ArchitectureTest::isApi))
                .hasSizeGreaterThan(60);
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
        check(
                noClasses().should().accessField(System.class, "out").orShould().accessField(System.class, "err"),
                Planted.Prints.class,
                Planted.Complains.class);
    }

    @Test
    void noOpenCvInPublicSignatures() {
        check(
                codeUnits()
                        .that()
                        .arePublic()
                        .and()
                        .areDeclaredInClassesThat()
                        .arePublic()
                        .should(not(have(describe("OpenCV in the signature", ArchitectureTest::hasOpenCv)))),
                Planted.Takes.class,
                Planted.Gives.class);
        assertThat(ALIGN.stream()
                        .filter(type -> type.getModifiers().contains(JavaModifier.PUBLIC))
                        .flatMap(type -> type.getCodeUnits().stream())
                        .filter(member -> member.getModifiers().contains(JavaModifier.PUBLIC)))
                .hasSizeGreaterThan(30);
    }

    private static boolean hasOpenCv(JavaCodeUnit member) {
        return member.getAllInvolvedRawTypes().stream()
                .anyMatch(type -> type.getPackageName().startsWith("org.bytedeco")
                        || type.getPackageName().startsWith("org.opencv"));
    }

    /**
     * The rule holds for the module, and each of the classes that break it on purpose would not get past it: a rule that looks
     * at nothing holds as well.
     */
    private static void check(ArchRule rule, Class<?>... planted) {
        rule.check(ALIGN);
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
