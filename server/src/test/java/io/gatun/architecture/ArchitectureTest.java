package io.gatun.architecture;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Dependencies point one way: server to snapshotter to native-bindings, and server to proto. Within
 * the snapshotter, only the engine and the verifier know metadata store and drivers.
 */
final class ArchitectureTest {

  private static final String LINUX = "io.gatun.linux..";
  private static final String SNAPSHOT = "io.gatun.snapshot..";
  private static final String ENGINE = "io.gatun.snapshot.engine..";
  private static final String CHECK = "io.gatun.snapshot.check..";
  private static final String METADATA = "io.gatun.snapshot.metadata..";
  private static final String DRIVER = "io.gatun.snapshot.driver..";
  private static final String PROTO = "io.gatun.proto..";
  private static final String SERVER = "io.gatun.server..";
  private static final String CLI = "io.gatun.cli..";
  private static final String TRAINING = "io.gatun.training..";

  private static final String FOREIGN = "java.lang.foreign..";
  private static final String CHRONICLE = "net.openhft..";
  private static final String ZSTD = "com.github.luben..";
  private static final String[] JDK = {"java..", "org.jspecify.annotations.."};

  private static JavaClasses gatun;

  @BeforeAll
  static void readClasses() {
    gatun =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .withImportOption(location -> !location.contains("test-classes"))
            .importPackages("io.gatun");
  }

  @Test
  void allPartsAreLookedAt() {
    for (String part :
        new String[] {LINUX, SNAPSHOT, PROTO, SERVER, CLI, TRAINING, ENGINE, METADATA}) {
      assertThat(gatun.stream().filter(resideInAPackage(part))).as(part).isNotEmpty();
    }
    assertThat(gatun.stream().map(JavaClass::getSimpleName)).doesNotContain("ArchitectureTest");
  }

  @Test
  void bindingsKnowTheJdkAlone() {
    onlyDependsOn(LINUX, LINUX);
  }

  @Test
  void snapshotterKnowsNothingOfTheWire() {
    onlyDependsOn(SNAPSHOT, SNAPSHOT, LINUX, CHRONICLE, ZSTD, "org.slf4j..", "com.google.re2j..");
  }

  @Test
  void wireTypesKnowNothingOfGatun() {
    noClasses()
        .that()
        .resideInAPackage(PROTO)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(LINUX, SNAPSHOT, SERVER, CLI, TRAINING)
        .check(gatun);
  }

  @Test
  void serverReachesTheKernelThroughTheSnapshotterAlone() {
    noClasses()
        .that()
        .resideInAPackage(SERVER)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(LINUX, CLI, TRAINING)
        .check(gatun);
  }

  @Test
  void metadataStoreAndDriversDoNotKnowEachOther() {
    noneDependsOn(METADATA, DRIVER);
    noneDependsOn(DRIVER, METADATA);
  }

  @Test
  void engineAndVerifierAloneKnowBoth() {
    classes()
        .that()
        .resideInAPackage(SNAPSHOT)
        .and(dependOn(METADATA))
        .and(dependOn(DRIVER))
        .should()
        .resideInAnyPackage(ENGINE, CHECK)
        .check(gatun);
    noClasses()
        .that()
        .resideInAPackage(SNAPSHOT)
        .and()
        .resideOutsideOfPackage(ENGINE)
        .should()
        .dependOnClassesThat()
        .resideInAPackage(ENGINE)
        .check(gatun);
  }

  @Test
  void packagesOfTheSnapshotterFormNoCircle() {
    slices().matching("io.gatun.snapshot.(*)..").should().beFreeOfCycles().check(gatun);
  }

  @Test
  void foreignMemoryIsTheBindingsAffair() {
    noClasses()
        .that()
        .resideOutsideOfPackage(LINUX)
        .should()
        .dependOnClassesThat()
        .resideInAPackage(FOREIGN)
        .check(gatun);
  }

  @Test
  void foreignMemoryDoesNotLeaveTheBindings() {
    classes()
        .that()
        .resideInAPackage(LINUX)
        .and()
        .arePublic()
        .should(showNothingOf(FOREIGN))
        .check(gatun);
  }

  @Test
  void chronicleIsTheMetadataStoresAffair() {
    noClasses()
        .that()
        .resideOutsideOfPackage(METADATA)
        .should()
        .dependOnClassesThat()
        .resideInAPackage(CHRONICLE)
        .check(gatun);
  }

  @Test
  void zstdIsTheCodecsAffair() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.gatun.snapshot.apply.codec..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage(ZSTD)
        .check(gatun);
  }

  @Test
  void everyPackageSaysWhatItIsForAndTakesNoNull() throws ClassNotFoundException {
    Set<String> packages = new TreeSet<>();
    gatun.stream()
        .filter(resideInAPackage(PROTO).negate())
        .forEach(type -> packages.add(type.getPackageName()));
    assertThat(packages).contains("io.gatun.server", "io.gatun.linux");
    for (String name : packages) {
      assertThat(Class.forName(name + ".package-info").isAnnotationPresent(NullMarked.class))
          .as(name)
          .isTrue();
    }
  }

  private static void onlyDependsOn(String part, String... others) {
    classes()
        .that()
        .resideInAPackage(part)
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage(Stream.of(JDK, others).flatMap(Stream::of).toArray(String[]::new))
                .or(
                    DescribedPredicate.describe(
                        "are arrays of primitive types", JavaClass::isPrimitive)))
        .check(gatun);
  }

  private static void noneDependsOn(String part, String other) {
    noClasses()
        .that()
        .resideInAPackage(part)
        .should()
        .dependOnClassesThat()
        .resideInAPackage(other)
        .check(gatun);
  }

  private static DescribedPredicate<JavaClass> dependOn(String part) {
    return DescribedPredicate.describe(
        "depend on " + part,
        type ->
            type.getDirectDependenciesFromSelf().stream()
                .anyMatch(dependency -> resideInAPackage(part).test(dependency.getTargetClass())));
  }

  private static ArchCondition<JavaClass> showNothingOf(String part) {
    return new ArchCondition<>("show nothing of " + part) {
      @Override
      public void check(JavaClass type, ConditionEvents events) {
        for (JavaMember member : type.getMembers()) {
          boolean isVisible =
              member.getModifiers().contains(JavaModifier.PUBLIC)
                  || member.getModifiers().contains(JavaModifier.PROTECTED);
          if (isVisible && signature(member).anyMatch(resideInAPackage(part))) {
            events.add(SimpleConditionEvent.violated(member, member.getFullName()));
          }
        }
        Stream.concat(type.getAllRawSuperclasses().stream(), type.getAllRawInterfaces().stream())
            .filter(resideInAPackage(part))
            .forEach(above -> events.add(SimpleConditionEvent.violated(type, type.getFullName())));
      }
    };
  }

  private static Stream<JavaClass> signature(JavaMember member) {
    return switch (member) {
      case JavaField field -> field.getType().getAllInvolvedRawTypes().stream();
      case JavaCodeUnit unit ->
          Stream.concat(
                  Stream.concat(Stream.of(unit.getReturnType()), unit.getParameterTypes().stream()),
                  unit.getThrowsClause().getTypes().stream())
              .flatMap(each -> each.getAllInvolvedRawTypes().stream());
      default -> throw new IllegalStateException("what is " + member);
    };
  }
}
