package io.gatun.snapshot.fsck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.filetree.TreeUsage;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class RootCheckTest {

  private static final MetadataSettings SETTINGS = new MetadataSettings(64, 64 << 10);

  @TempDir private Path temporary;
  private Path root = Path.of("");

  /** A layer (id 1) and a container on it (id 2), after a clean stop. */
  @BeforeEach
  void makeRoot() throws Exception {
    root = temporary.resolve("root");
    try (Root opened = Root.open(new LinuxDisk(), root);
        MetadataStore store =
            MetadataStore.open(new LinuxDisk(), opened.metadataPath(), SETTINGS)) {
      opened.recordDriver("overlay");
      long layer = store.nextId();
      long container = store.nextId();
      for (long id : List.of(layer, container)) {
        for (String name : List.of("", "fs", "work")) {
          Path directory = Files.createDirectory(snapshot(id).resolve(name));
          setMode(directory, name.isEmpty() ? "rwx------" : "rwx--x--x");
        }
      }
      Files.writeString(snapshot(layer).resolve("fs/file"), "content");
      store.put(record(layer, Kind.COMMITTED, "layer", null, usage(layer)));
      store.put(record(container, Kind.ACTIVE, "container", "layer", null));
    }
  }

  private Path snapshot(long id) {
    return root.resolve("snapshots").resolve(Long.toString(id));
  }

  private Usage usage(long id) throws IOException {
    try (Fd top =
        Fcntl.open(
            LinuxPath.of(snapshot(id).resolve("fs")), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      return TreeUsage.of(top);
    }
  }

  private static SnapshotRecord record(
      long id, Kind kind, String name, @Nullable String parent, @Nullable Usage usage) {
    return new SnapshotRecord(
        id,
        kind,
        name,
        parent == null ? "" : parent,
        parent == null ? SnapshotRecord.NO_PARENT : 1,
        Map.of(),
        Instant.EPOCH,
        Instant.EPOCH,
        usage,
        new LayerForm.Directory());
  }

  private static void setMode(Path path, String mode) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
  }

  private List<RootFinding> check() throws Exception {
    List<String> before = manifest();
    RootReport report = RootCheck.of(root);
    assertThat(manifest()).as("a check changes nothing").isEqualTo(before);
    return report.findings();
  }

  private List<String> manifest() throws IOException {
    return TreeManifest.of(root, EnumSet.of(TreeManifest.Detail.DIRECTORY_TIMES));
  }

  private RootRepair.Outcome repair() throws Exception {
    return RootRepair.run(new UnsyncedDisk(), root, SETTINGS, false);
  }

  /** A repaired root is clean, and a second repair has nothing to do. */
  private RootRepair.Outcome repairAll() throws Exception {
    RootRepair.Outcome outcome = repair();
    assertThat(outcome.found().isClean()).isFalse();
    assertThat(outcome.done()).isNotEmpty();
    assertThat(RootCheck.of(root).findings())
        .allMatch(finding -> finding.severity() == RootFinding.Severity.NOTICE);
    assertThat(repair().done()).isEmpty();
    return outcome;
  }

  private List<String> names() throws Exception {
    try (Root opened = Root.open(new LinuxDisk(), root);
        MetadataStore store =
            MetadataStore.open(new LinuxDisk(), opened.metadataPath(), SETTINGS)) {
      List<String> names = new java.util.ArrayList<>();
      store.forEach(record -> names.add(record.name()));
      return names;
    }
  }

  @Test
  void nothingIsWrongWithARootThatWasUsed() throws Exception {
    assertThat(check()).isEmpty();
    assertThat(repair().done()).isEmpty();
    assertThat(check()).isEmpty();
  }

  @Test
  void rootInUseIsRefused() throws Exception {
    Root opened = Root.open(new LinuxDisk(), root);
    try (opened) {
      assertThatThrownBy(() -> RootCheck.of(root))
          .isInstanceOf(UnusableRootException.class)
          .hasMessageContaining("in use");
      assertThatThrownBy(this::repair).isInstanceOf(UnusableRootException.class);
    }
  }

  @Test
  void whatIsNoRootIsRefused() throws Exception {
    Path other = Files.createDirectory(temporary.resolve("other"));
    assertThatThrownBy(() -> RootCheck.of(other))
        .isInstanceOf(UnusableRootException.class)
        .hasMessageContaining("is not a root of gatun");
    assertThat(other).isEmptyDirectory();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "metadata", "snapshots/1", "format", "metadata/acknowledged"})
  void wrongModesAreRepaired(String place) throws Exception {
    setMode(root.resolve(place), "rwxr-xr-x");
    assertThat(check())
        .anyMatch(finding -> finding.sentence().contains("its mode is 0755 and should be 0"));
    repairAll();
  }

  @Test
  void leftoversOfACrashAreNoticesAndGoToTheTrash() throws Exception {
    Files.createDirectories(snapshot(7).resolve("fs"));
    assertThat(check()).containsExactly(new RootFinding.Orphan(7));
    assertThat(RootCheck.of(root).isClean()).isTrue();
    repair();
    assertThat(snapshot(7)).doesNotExist();
    assertThat(root.resolve("trash/7/fs")).isDirectory();
    assertThat(RootCheck.of(root).isClean()).isTrue();
  }

  @Test
  void missingWorkDirectoryIsRebuilt() throws Exception {
    Files.delete(snapshot(2).resolve("work"));
    assertThat(check()).singleElement().isInstanceOf(RootFinding.MissingWork.class);
    repairAll();
    assertThat(snapshot(2).resolve("work")).isDirectory();
  }

  @Test
  void missingFilesStayMissing() throws Exception {
    LoopFilesystem.run(List.of("rm", "-r", snapshot(1).toString()));
    assertThat(check()).singleElement().isInstanceOf(RootFinding.MissingFiles.class);
    RootRepair.Outcome outcome = repair();
    assertThat(outcome.remaining().isClean()).isFalse();
    assertThat(snapshot(1)).doesNotExist();
    assertThat(names()).contains("layer");
  }

  @Test
  void whatARepairHasKeptIsToldFromWhatIsNothingOfGatuns() throws Exception {
    Path layer = Files.createDirectories(root.resolve("layers/" + "0".repeat(64)));
    Files.setPosixFilePermissions(layer, PosixFilePermissions.fromString("rwx------"));
    for (Path directory : List.of(root, root.resolve("snapshots"), layer.getParent(), layer)) {
      Files.createFile(directory.resolve("a.damaged"));
      Files.createFile(directory.resolve("a"));
    }
    assertThat(check())
        .filteredOn(finding -> finding.sentence().contains("a repair has set this aside"))
        .hasSize(4);
    assertThat(check())
        .filteredOn(finding -> finding.sentence().contains("does not belong to Gatun"))
        .hasSize(4);
  }

  @Test
  void wrongUsageIsCountedAnew() throws Exception {
    Files.writeString(snapshot(1).resolve("fs/other"), "more");
    assertThat(check())
        .singleElement()
        .isInstanceOfSatisfying(
            RootFinding.WrongUsage.class,
            wrong -> assertThat(wrong.counted().inodes()).isEqualTo(3));
    repairAll();
  }

  @Test
  void nothingStaysInTheEmptyDirectory() throws Exception {
    Files.writeString(root.resolve("empty/file"), "shows in every container");
    assertThat(check()).singleElement().isInstanceOf(RootFinding.NotEmpty.class);
    repairAll();
    assertThat(root.resolve("empty")).isEmptyDirectory();
    assertThat(root.resolve("empty-file.damaged")).exists();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "rubbish", "gatun-root 1\ndriver\n"})
  void damagedFormatIsWrittenAnewWithTheRightDriver(String text) throws Exception {
    Files.writeString(root.resolve("format"), text);
    assertThat(check()).singleElement().isInstanceOf(RootFinding.Format.class);
    repairAll();
    assertThat(root.resolve("format")).hasContent("gatun-root 1\ndriver overlay\n");
  }

  @Test
  void missingFormatAndADirectoryInItsPlaceAreRepaired() throws Exception {
    Files.delete(root.resolve("format"));
    repairAll();
    Files.delete(root.resolve("format"));
    Files.createDirectory(root.resolve("format"));
    repairAll();
    assertThat(root.resolve("format")).hasContent("gatun-root 1\ndriver overlay\n");
  }

  @Test
  void rootOfALaterVersionIsLeftAlone() throws Exception {
    Files.writeString(root.resolve("format"), "gatun-root 2\nsomething new\n");
    Files.createDirectories(snapshot(99_999).resolve("fs"));
    List<String> before = manifest();
    assertThat(check())
        .singleElement()
        .satisfies(finding -> assertThat(finding.sentence()).contains("layout version 2"));
    assertThat(repair().remaining().isClean()).isFalse();
    assertThat(manifest()).isEqualTo(before);
    assertThatThrownBy(() -> Root.open(new LinuxDisk(), root))
        .isInstanceOf(UnusableRootException.class)
        .hasMessageContaining("layout version 2")
        .hasMessageContaining("use the Gatun that wrote it");
  }

  @Test
  void damagedJournalIsHealedFromTheIndexWithoutLoss() throws Exception {
    damageFirstBatch();
    assertThat(check()).anyMatch(finding -> finding.severity() == RootFinding.Severity.DAMAGE);
    assertThat(repairAll().isLossy()).isFalse();
    assertThat(names()).containsExactly("layer", "container");
  }

  @Test
  void damagedJournalWithoutAnIndexLosesWhatIsNamedAndKeepsTheDirectories() throws Exception {
    damageFirstBatch();
    Files.delete(root.resolve("metadata/clean"));
    assertThat(check()).hasAtLeastOneElementOfType(RootFinding.Lost.class);
    RootRepair.Outcome outcome = repairAll();
    assertThat(outcome.isLossy()).isTrue();
    assertThat(outcome.found().findings())
        .filteredOn(RootFinding.Lost.class::isInstance)
        .extracting(RootFinding::sentence)
        .anyMatch(sentence -> sentence.contains("batch"));
    assertThat(root.resolve("metadata/journal-1.damaged")).isRegularFile();
  }

  /** The batch that records the layer. */
  private void damageFirstBatch() throws IOException {
    try (RandomAccessFile journal =
        new RandomAccessFile(root.resolve("metadata/journal-1").toFile(), "rw")) {
      byte[] bytes = new byte[16_384];
      journal.readFully(bytes);
      int at = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("layer");
      assertThat(at).isPositive();
      journal.seek(at);
      journal.write('L');
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"metadata", "snapshots", "trash", "empty"})
  void partOfARootThatWasServedIsMissingAndNotYetToBeMade(String name) throws Exception {
    LoopFilesystem.run(List.of("rm", "-r", root.resolve(name).toString()));
    assertThat(check())
        .contains(new RootFinding.Absent(name))
        .doesNotHaveAnyElementsOfTypes(RootFinding.FirstStart.class);
    repair();
    assertThat(root.resolve(name)).isDirectory();
  }

  @Test
  void snapshotsOfAnUnknownDriverAreNoFirstStart() throws Exception {
    Files.writeString(root.resolve("format"), "gatun-root 1\n");
    assertThat(check()).isEmpty();
    LoopFilesystem.run(List.of("rm", "-r", root.resolve("metadata").toString()));
    assertThat(check())
        .contains(new RootFinding.Absent("metadata"))
        .hasAtLeastOneElementOfType(RootFinding.UnknownId.class)
        .doesNotHaveAnyElementsOfTypes(RootFinding.FirstStart.class);
  }

  @Test
  void lockOfSomebodyElseMakesNoRoot() throws Exception {
    Path other = Files.createDirectory(temporary.resolve("other"));
    Files.createFile(other.resolve("lock"));
    Files.createFile(other.resolve("status"));
    assertThatThrownBy(() -> RootCheck.of(other))
        .isInstanceOf(UnusableRootException.class)
        .hasMessageContaining("is not a root of gatun");
  }

  @Test
  void lostMetadataKeepTheirDirectories() throws Exception {
    LoopFilesystem.run(List.of("rm", "-r", root.resolve("metadata").toString()));
    assertThat(check()).hasAtLeastOneElementOfType(RootFinding.UnknownId.class);
    assertThat(repairAll().isLossy()).isTrue();
    assertThat(root.resolve("snapshots/1.damaged/fs/file")).hasContent("content");
    assertThat(names()).isEmpty();
  }

  // Indexed layers.

  private static final Digest DIFF_ID = Digest.ofHex("ab".repeat(32));
  private static final Digest INDEX = Digest.ofHex("cd".repeat(32));

  private Path layer() {
    return root.resolve("layers").resolve(DIFF_ID.hex());
  }

  /** Turns the layer of the existing snapshot into an indexed one, with its files. */
  private void makeIndexed() throws Exception {
    Files.createDirectories(layer());
    setMode(layer(), "rwx------");
    setMode(root.resolve("layers"), "rwx------");
    for (String name : List.of("tar", "index-" + INDEX.hex(), "blob-" + INDEX.hex())) {
      setMode(Files.writeString(layer().resolve(name), "content"), "rw-------");
    }
    Files.delete(snapshot(1).resolve("fs/file"));
    Files.delete(snapshot(1).resolve("fs"));
    try (Root opened = Root.open(new LinuxDisk(), root);
        MetadataStore store =
            MetadataStore.open(new LinuxDisk(), opened.metadataPath(), SETTINGS)) {
      SnapshotRecord directory = store.find("layer").orElseThrow();
      store.put(
          new SnapshotRecord(
              directory.id(),
              directory.kind(),
              directory.name(),
              directory.parent(),
              directory.parentId(),
              directory.labels(),
              directory.created(),
              directory.updated(),
              directory.usage(),
              new LayerForm.Indexed(DIFF_ID, INDEX)));
    }
  }

  @Test
  void anIndexedLayerIsItsTarAndItsIndexAndNoFilesOfTheSnapshot() throws Exception {
    makeIndexed();
    assertThat(check()).isEmpty();
  }

  @Test
  void anIndexedLayerWithoutItsTarOrItsIndexIsMissing() throws Exception {
    makeIndexed();
    for (String name : List.of("tar", "index-" + INDEX.hex())) {
      Path file = layer().resolve(name);
      Path elsewhere = Files.move(file, temporary.resolve("elsewhere"));
      assertThat(check())
          .singleElement()
          .satisfies(
              finding -> {
                assertThat(finding).isInstanceOf(RootFinding.MissingFiles.class);
                assertThat(finding.place()).isEqualTo("layers/" + DIFF_ID.hex() + "/" + name);
                assertThat(finding.severity()).isEqualTo(RootFinding.Severity.DAMAGE);
              });
      Files.move(elsewhere, file);
    }
    assertThat(check()).isEmpty();
    Files.move(layer(), temporary.resolve("layer"));
    assertThat(check()).hasSize(2).allMatch(RootFinding.MissingFiles.class::isInstance);
  }

  @Test
  void filesOfALayerThatOthersMayReadAreClosedToThem() throws Exception {
    makeIndexed();
    setMode(layer().resolve("tar"), "rw-r--r--");
    setMode(root.resolve("layers"), "rwxr-xr-x");
    assertThat(check()).hasSize(2).allMatch(RootFinding.WrongMode.class::isInstance);
    repairAll();
    assertThat(check()).isEmpty();
  }

  @Test
  void whatIsLeftOverInLayersIsToldAndLeftAlone() throws Exception {
    makeIndexed();
    Files.createDirectory(root.resolve("layers/7.new"));
    Files.writeString(layer().resolve("mine"), "");
    Files.writeString(root.resolve("layers/mine"), "");
    Path unused = layer().resolve("index-" + DIFF_ID.hex());
    setMode(Files.writeString(unused, ""), "rw-------");
    assertThat(check())
        .hasSize(4)
        .allMatch(finding -> finding.severity() == RootFinding.Severity.NOTICE);
    assertThat(repair().done()).isEmpty();
    assertThat(check()).hasSize(4);
  }
}
