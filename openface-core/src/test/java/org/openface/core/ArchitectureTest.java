package org.openface.core;

import static com.tngtech.archunit.lang.conditions.ArchConditions.callMethod;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.ObjectInputStream;
import java.security.SecureRandom;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;

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
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.nd4j..",
                        "org.bytedeco..",
                        "org.openface.align..",
                        "org.openface.triplet..",
                        "org.openface.nn4..")
                .check(CORE);
    }

    @Test
    void hasNoCyclesBetweenPackages() {
        slices().matching("org.openface.core.(*)..").should().beFreeOfCycles().check(CORE);
    }

    @Test
    void neverPrints() {
        NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS.check(CORE);
    }

    @Test
    void opensNoConnection() {
        noClasses()
                .should()
                .dependOnClassesThat()
                // URI and URLDecoder open nothing
                .haveNameMatching("java\\.net\\.(.*Socket.*|URL|.*Connection|.*Address)"
                        + "|java\\.nio\\.channels\\..*(Socket|Datagram).*")
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage("java.net.http..", "javax.net..", "java.rmi..")
                .check(CORE);
    }

    @Test
    void readsNoSerializedObjects() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .areAssignableTo(ObjectInputStream.class)
                .check(CORE);
    }

    @Test
    void drawsNoUnseededRandomNumbers() {
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
                .orShould(callMethod(UUID.class, "randomUUID"))
                .check(CORE);
    }
}
