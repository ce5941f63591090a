package io.gatun.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.Dependency;
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
import io.gatun.linux.Flags;
import io.gatun.linux.NativeCall;
import io.gatun.linux.SystemCall;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Dependencies point one way: server to snapshotter to native-bindings, and server to proto. Within
 * each module, {@link #ARROWS} is the map of the packages.
 */
final class ArchitectureTest {

  private static final String LINUX = "io.gatun.linux..";
  private static final String ISAL = "io.gatun.isal..";
  private static final String[] BINDINGS = {LINUX, ISAL};
  private static final String SNAPSHOT = "io.gatun.snapshot..";
  private static final String ENGINE = "io.gatun.snapshot.engine..";
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

  /**
   * The packages from the ground up, each with the packages that it uses. A package uses only
   * packages above it in this table, so there is no cycle. Uses of the bindings by others, {@code
   * io.gatun.snapshot} and {@code io.gatun.proto} are subject to other rules and omitted.
   */
  private static final String ARROWS =
      """
      linux                     ->
      linux.file                -> linux
      linux.mount               -> linux linux.file
      isal                      -> linux
      snapshot.concurrent       ->
      snapshot.root             ->
      snapshot.filter           ->
      snapshot.layer            ->
      snapshot.spill            -> snapshot.root
      snapshot.filetree         -> snapshot.root
      snapshot.metadata.journal -> snapshot.root
      snapshot.metadata         -> snapshot.concurrent snapshot.metadata.journal snapshot.root
      snapshot.metadata.repair  -> snapshot.metadata snapshot.metadata.journal snapshot.root
      snapshot.mount            -> snapshot.concurrent snapshot.filetree snapshot.root
      snapshot.durability       -> snapshot.concurrent snapshot.filetree snapshot.mount snapshot.root
      snapshot.driver           -> snapshot.durability snapshot.filetree snapshot.layer snapshot.mount snapshot.root
      snapshot.layer.tar        ->
      snapshot.layer.entry      -> snapshot.layer.tar
      snapshot.layer.codec      -> snapshot.layer snapshot.layer.tar
      snapshot.layer.read       -> snapshot.concurrent snapshot.layer snapshot.layer.codec snapshot.layer.entry snapshot.layer.tar
      snapshot.layer.pack       -> snapshot.concurrent snapshot.filetree snapshot.layer snapshot.layer.codec snapshot.layer.tar
      snapshot.layer.lower      -> snapshot.filetree snapshot.layer snapshot.layer.entry snapshot.layer.tar snapshot.root
      snapshot.layer.extract    -> snapshot.filetree snapshot.layer snapshot.layer.codec snapshot.layer.entry snapshot.layer.lower snapshot.layer.tar snapshot.root snapshot.spill
      snapshot.layer.erofs      -> snapshot.layer.tar snapshot.root snapshot.spill
      snapshot.layer.index      -> snapshot.layer.entry snapshot.layer.erofs snapshot.layer.tar snapshot.mount snapshot.root snapshot.spill
      snapshot.layerstore.tar   -> snapshot.layer.codec snapshot.layer.index snapshot.layer.tar snapshot.root
      snapshot.layerstore       -> snapshot.durability snapshot.layer snapshot.layer.codec snapshot.layer.entry snapshot.layer.erofs snapshot.layer.index snapshot.layer.read snapshot.layer.tar snapshot.layerstore.tar snapshot.root snapshot.spill
      snapshot.state            -> snapshot.concurrent snapshot.driver snapshot.durability snapshot.filetree snapshot.layer snapshot.layer.extract snapshot.layer.lower snapshot.layer.read snapshot.layer.tar snapshot.layerstore.tar snapshot.metadata snapshot.mount snapshot.root
      snapshot.indexed          -> snapshot.concurrent snapshot.driver snapshot.durability snapshot.filetree snapshot.layer snapshot.layer.erofs snapshot.layer.extract snapshot.layer.index snapshot.layer.lower snapshot.layerstore snapshot.metadata snapshot.mount snapshot.root snapshot.state
      snapshot.unpack           -> snapshot.concurrent snapshot.driver snapshot.durability snapshot.indexed snapshot.layer snapshot.layer.entry snapshot.layer.erofs snapshot.layer.extract snapshot.layer.index snapshot.layer.lower snapshot.layer.pack snapshot.layer.read snapshot.layer.tar snapshot.layerstore snapshot.layerstore.tar snapshot.metadata snapshot.root snapshot.state
      snapshot.maintenance      -> snapshot.driver snapshot.durability snapshot.indexed snapshot.layer snapshot.layer.entry snapshot.layer.erofs snapshot.layer.read snapshot.layerstore snapshot.metadata snapshot.mount snapshot.root snapshot.state snapshot.unpack
      snapshot.engine           -> snapshot.concurrent snapshot.driver snapshot.durability snapshot.filter snapshot.indexed snapshot.layer snapshot.layer.extract snapshot.layer.index snapshot.layer.read snapshot.layerstore snapshot.maintenance snapshot.metadata snapshot.metadata.journal snapshot.mount snapshot.root snapshot.state snapshot.unpack
      snapshot.fsck             -> snapshot.driver snapshot.filetree snapshot.layer.entry snapshot.layer.index snapshot.layer.tar snapshot.layerstore snapshot.layerstore.tar snapshot.metadata snapshot.metadata.journal snapshot.metadata.repair snapshot.mount snapshot.root snapshot.spill
      server.config             -> snapshot.driver snapshot.durability snapshot.engine snapshot.root
      server.net                -> server.config
      server.content            -> server.net snapshot.layer
      server.rpc                -> server.content snapshot.layer
      server                    -> server.config server.content server.net server.rpc snapshot.driver snapshot.durability snapshot.engine snapshot.layer snapshot.metadata.journal snapshot.mount snapshot.root
      training                  -> server server.config server.content
      cli.text                  ->
      cli.doctor                -> cli.text server server.config server.net snapshot.driver snapshot.engine snapshot.layer.index snapshot.mount snapshot.root
      cli                       -> cli.doctor cli.text server server.config server.content server.rpc snapshot.driver snapshot.fsck snapshot.metadata.journal snapshot.root training
      """;

  /** The packages whose classes call each other directly, apart from {@link #LISTENERS}. */
  private static final Set<String> DIRECT =
      Set.of(
          "snapshot.driver",
          "snapshot.durability",
          "snapshot.engine",
          "snapshot.indexed",
          "snapshot.layerstore",
          "snapshot.maintenance",
          "snapshot.metadata",
          "snapshot.mount",
          "snapshot.state",
          "snapshot.unpack");

  /**
   * The classes in {@link #DIRECT} that are given a functional interface, with that interface. A
   * new one would hide a call from the table of packages.
   */
  private static final Set<String> LISTENERS =
      Set.of(
          "BackgroundSync <- BooleanSupplier",
          "BackgroundSync <- Consumer",
          "DeletionThrottle <- BooleanSupplier",
          "DeletionThrottle <- LongSupplier",
          "EngineRoot <- LayerBlobs",
          "EngineRoot <- UnaryOperator",
          "Extraction <- LayerReading",
          "GroupSync <- Sync",
          "ImplicitDirectories <- Sink",
          "IndexSink <- LowerAttributes",
          "IndexedChains <- Function",
          "IndexedLayers <- BooleanSupplier",
          "IndexedLayers <- Consumer",
          "LayerConversion <- Probe",
          "LayerPrefetch <- BooleanSupplier",
          "LayerRepair <- LayerBlobs",
          "LayerStore <- Consumer",
          "MapFile <- Function",
          "NextLayer <- NextLayerHint",
          "OverlayDriver <- Barrier",
          "Tar <- LayerReading",
          "VolatileMark <- Barrier");

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
        new String[] {LINUX, ISAL, SNAPSHOT, PROTO, SERVER, CLI, TRAINING, ENGINE, METADATA}) {
      assertThat(gatun.stream().filter(resideInAPackage(part))).as(part).isNotEmpty();
    }
    assertThat(gatun.stream().map(JavaClass::getSimpleName)).doesNotContain("ArchitectureTest");
  }

  @Test
  void bindingsKnowTheJdkAlone() {
    onlyDependsOn(LINUX, LINUX);
    onlyDependsOn(ISAL, ISAL, "io.gatun.linux");
  }

  @Test
  void snapshotterKnowsNothingOfTheWire() {
    onlyDependsOn(
        SNAPSHOT, SNAPSHOT, LINUX, ISAL, CHRONICLE, ZSTD, "org.slf4j..", "com.google.re2j..");
  }

  @Test
  void wireTypesKnowNothingOfGatun() {
    noClasses()
        .that()
        .resideInAPackage(PROTO)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(LINUX, ISAL, SNAPSHOT, SERVER, CLI, TRAINING)
        .check(gatun);
  }

  @Test
  void serverReachesTheKernelThroughTheSnapshotterAlone() {
    noClasses()
        .that()
        .resideInAPackage(SERVER)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(LINUX, ISAL, CLI, TRAINING)
        .check(gatun);
  }

  @Test
  void metadataStoreAndDriversDoNotKnowEachOther() {
    noneDependsOn(METADATA, DRIVER);
    noneDependsOn(DRIVER, METADATA);
  }

  @Test
  void packagesUseWhatTheTableSays() {
    Map<String, Set<String>> allowed = arrows();
    Map<String, Set<String>> found = new LinkedHashMap<>();
    allowed.keySet().forEach(part -> found.put(part, new TreeSet<>()));
    for (JavaClass type : gatun) {
      String from = part(type);
      if (from.startsWith("proto")) {
        continue;
      }
      for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
        JavaClass target = dependency.getTargetClass().getBaseComponentType();
        String to = part(target);
        boolean isCounted = allowed.containsKey(to) && (isBinding(from) || !isBinding(to));
        if (isCounted && !to.equals(from)) {
          found.computeIfAbsent(from, _ -> new TreeSet<>()).add(to);
        }
      }
    }
    assertThat(found).isEqualTo(allowed);
  }

  @Test
  void packagesUseOnlyPackagesAboveThemInTheTable() {
    Set<String> above = new HashSet<>();
    arrows()
        .forEach(
            (part, used) -> {
              assertThat(above).as(part).containsAll(used);
              above.add(part);
            });
  }

  @Test
  void constructorsHaveSevenParametersAtMost() {
    assertThat(gatun)
        .filteredOn(type -> !type.isRecord() && !resideInAPackage(PROTO).test(type))
        .filteredOn(
            type ->
                type.getConstructors().stream()
                    .anyMatch(each -> each.getRawParameterTypes().size() > 7))
        .extracting(JavaClass::getName)
        .isEmpty();
  }

  @Test
  void classesCallEachOtherAndNoFunctionsExceptTheListeners() {
    Set<String> found = new TreeSet<>();
    for (JavaClass type : gatun) {
      if (!DIRECT.contains(part(type)) || type.isRecord()) {
        continue;
      }
      Stream.concat(
              type.getConstructors().stream(),
              type.getMethods().stream().filter(each -> each.getName().matches("set[A-Z].*")))
          .filter(each -> !each.getModifiers().contains(JavaModifier.SYNTHETIC))
          .flatMap(each -> each.getRawParameterTypes().stream())
          .filter(ArchitectureTest::isFunctional)
          .forEach(each -> found.add(type.getSimpleName() + " <- " + each.getSimpleName()));
    }
    assertThat(found).isEqualTo(new TreeSet<>(LISTENERS));
  }

  private static boolean isFunctional(JavaClass type) {
    return type.getPackageName().equals("java.util.function")
        || type.getName().equals("java.lang.Runnable")
        || type.getName().equals("java.util.concurrent.Callable")
        || (type.isInterface()
            && type.getPackageName().startsWith("io.gatun")
            && type.getAllMethods().stream()
                    .filter(each -> each.getModifiers().contains(JavaModifier.ABSTRACT))
                    .count()
                == 1);
  }

  @Test
  void foreignMemoryIsTheBindingsAffair() {
    noClasses()
        .that()
        .resideOutsideOfPackages(BINDINGS)
        .should()
        .dependOnClassesThat(
            resideInAPackage(FOREIGN)
                .or(belongToAnyOf(NativeCall.class, SystemCall.class, Flags.class)))
        .check(gatun);
  }

  @Test
  void foreignMemoryDoesNotLeaveTheBindings() {
    classes()
        .that()
        .resideInAnyPackage(BINDINGS)
        .and()
        .arePublic()
        .and(not(belongToAnyOf(NativeCall.class)))
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
        .resideOutsideOfPackage("io.gatun.snapshot.layer.codec..")
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
    assertThat(packages).contains("io.gatun.server", "io.gatun.linux", "io.gatun.isal");
    for (String name : packages) {
      assertThat(Class.forName(name + ".package-info").isAnnotationPresent(NullMarked.class))
          .as(name)
          .isTrue();
    }
  }

  private static Map<String, Set<String>> arrows() {
    Map<String, Set<String>> arrows = new LinkedHashMap<>();
    ARROWS
        .lines()
        .forEach(
            line -> {
              String[] sides = line.split("->", -1);
              Set<String> used = new TreeSet<>(List.of(sides[1].strip().split(" +")));
              used.remove("");
              arrows.put(sides[0].strip(), used);
            });
    return arrows;
  }

  private static String part(JavaClass type) {
    String name = type.getPackageName();
    return name.startsWith("io.gatun.") ? name.substring("io.gatun.".length()) : "";
  }

  private static boolean isBinding(String part) {
    return part.equals("linux") || part.startsWith("linux.") || part.equals("isal");
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
      default -> throw new IllegalStateException("unknown member " + member);
    };
  }
}
