package org.openface.align;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;

@AnalyzeClasses(packages = "org.openface.align", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static void dependsOnCoreOnly(JavaClasses classes) {
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
                        "java..")
                .check(classes);
    }

    @ArchTest
    static void neverPrints(JavaClasses classes) {
        noClasses()
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .check(classes);
    }

    @ArchTest
    static void noOpenCvInPublicSignatures(JavaClasses classes) {
        int seen = 0;
        for (JavaClass type : classes) {
            if (!type.getModifiers().contains(JavaModifier.PUBLIC)) {
                continue;
            }
            for (JavaCodeUnit member : type.getCodeUnits()) {
                if (member.getModifiers().contains(JavaModifier.PUBLIC)) {
                    seen++;
                    assertThat(member.getAllInvolvedRawTypes())
                            .as(member.getFullName())
                            .noneMatch(t -> t.getPackageName().startsWith("org.bytedeco")
                                    || t.getPackageName().startsWith("org.opencv"));
                }
            }
        }
        assertThat(seen).isGreaterThan(30);
    }
}
