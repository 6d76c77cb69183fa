package org.openface.triplet;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** What holds this module together and the compiler does not check. */
class ArchitectureTest {
    private static final JavaClasses TRIPLET = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.openface.triplet");

    @Test
    void knowsNoEngineAndOfTheModulesOnlyCore() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.nd4j..", "org.bytedeco..", "org.openface.nn4..", "org.openface.align..")
                .check(TRIPLET);
    }

    @Test
    void hasNoCyclesBetweenPackages() {
        slices().matching("org.openface.(**)").should().beFreeOfCycles().check(TRIPLET);
    }

    @Test
    void neverPrints() {
        NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS.check(TRIPLET);
    }

    @Test
    void opensNoConnectionAndReadsNoSerialisedObjects() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .haveNameMatching("java\\.net\\..*|java\\.io\\.ObjectInputStream")
                .check(TRIPLET);
    }

    @Test
    void drawsOnlyAddressedRandomNumbers() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .haveNameMatching("java\\.util\\.(Random|SplittableRandom|UUID|concurrent\\.ThreadLocalRandom)"
                        + "|java\\.security\\.SecureRandom")
                .orShould()
                .callMethod(Math.class, "random")
                .check(TRIPLET);
    }
}
