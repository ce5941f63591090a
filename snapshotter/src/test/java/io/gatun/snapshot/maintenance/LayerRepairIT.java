package io.gatun.snapshot.maintenance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.engine.KernelMounts;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.engine.TestEngine;
import io.gatun.snapshot.engine.TestRoots;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.fsck.RootFinding;
import io.gatun.snapshot.fsck.RootRepair;
import io.gatun.snapshot.indexed.LayerRebuild;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.Root;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** Indexed layers that are damaged or missing on the disk, and repaired from their blobs. */
class LayerRepairIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final String EXTRACTION = "k8s.io/1/extract-123456789-ab12 sha256:";

  /** The ways in which a file may be damaged. */
  enum Damage {
    MISSING,
    FLIPPED,
    EMPTY;

    /** Leaves the existing file, which may be mounted, unchanged. */
    void happen(Path file) throws IOException {
      byte[] content = Files.readAllBytes(file);
      Files.delete(file);
      switch (this) {
        case MISSING -> {}
        case FLIPPED -> {
          content[content.length / 2] ^= 1;
          Files.write(file, content);
        }
        case EMPTY -> Files.createFile(file);
      }
    }
  }

  private static final byte[] BASE =
      TarBuilder.pax()
          .modified(1_000)
          .owner(7, 8)
          .directory("opt", 01777)
          .directory("opt/deep", 0711)
          .file("opt/deep/below", 0600, "below".repeat(10_000))
          .finish();

  private static final byte[] SECOND =
      TarBuilder.pax()
          .modified(2_000)
          .file("opt/deep/file", 0644, "x".repeat(100_000))
          .whiteout("opt/deep/below")
          .finish();

  private final DiskCalls calls = new DiskCalls(new LinuxDisk());
  private final Map<Digest, byte[]> blobs = new HashMap<>();
  private Path directory;
  private EngineRoot engine;
  private List<String> expected;

  @BeforeEach
  void unpackLayers() throws Exception {
    directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("healing-");
    open();
    unpack(BASE, "base", "");
    unpack(SECOND, "top", "base");
    expected = manifest();
  }

  private void open() throws Exception {
    engine =
        EngineRoot.open(
            calls.disk(),
            TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN)
                .withLayers(LayerSetting.INDEXED),
            InstantSource.system(),
            this::blob,
            "boot");
  }

  private Optional<LayerBlob> blob(Digest digest) {
    // Returns the content store's blob under this name, whatever it contains.
    return Optional.ofNullable(blobs.get(digest))
        .map(content -> new BytesBlob(content).saying(digest));
  }

  @AfterEach
  void close() throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
  }

  private Snapshotter snapshots() {
    return engine.snapshotter();
  }

  private void unpack(byte[] layer, String name, String parent) {
    String key = EXTRACTION + name;
    byte[] blob = Compressed.gzip(layer);
    blobs.put(BytesBlob.digestOf(blob), blob);
    engine
        .unpacker(1)
        .find(snapshots().prepare(key, parent, NO_LABELS))
        .unpack(new BytesBlob(blob), false, NextLayerHint.UNKNOWN, new Cancellation());
    snapshots().commit(name, key, "", NO_LABELS);
  }

  private List<String> manifest() throws Exception {
    try (KernelMount view = KernelMount.of(snapshots().view("view", "top", NO_LABELS))) {
      List<String> all = TreeManifest.of(view.path(), Set.of(TreeManifest.Detail.DIRECTORY_TIMES));
      return all.subList(1, all.size());
    } finally {
      snapshots().remove("view");
    }
  }

  private Path layer(byte[] tar) {
    return directory.resolve("layers").resolve(BytesBlob.digestOf(tar).hex());
  }

  private Path tar(byte[] tar) {
    return layer(tar).resolve("tar");
  }

  private Path index(byte[] tar) {
    return layer(tar)
        .resolve(
            TestEngine.names(layer(tar)).stream()
                .filter(name -> name.startsWith("index-"))
                .findFirst()
                .orElseThrow());
  }

  private static String blobName(String prefix, byte[] tar) {
    return prefix + BytesBlob.digestOf(Compressed.gzip(tar)).hex();
  }

  /** Marks a layer as one that was not synced before a power failure. */
  private void doubt(byte[] tar) throws IOException {
    Files.move(
        layer(tar).resolve(blobName("blob-", tar)), layer(tar).resolve(blobName("unsynced-", tar)));
  }

  private void assertHealed() throws Exception {
    assertThat(manifest()).isEqualTo(expected);
    for (byte[] tar : List.of(BASE, SECOND)) {
      assertThat(Files.readAllBytes(tar(tar))).isEqualTo(tar);
      assertThat(BytesBlob.digestOf(Files.readAllBytes(index(tar))).hex())
          .isEqualTo(index(tar).getFileName().toString().substring("index-".length()));
      assertThat(TestEngine.names(layer(tar)))
          .containsExactlyInAnyOrder(
              "tar", index(tar).getFileName().toString(), blobName("blob-", tar));
    }
    assertThat(TestEngine.names(directory.resolve("layers"))).hasSize(2);
  }

  private void assertMissing(String name) {
    assertThatThrownBy(() -> snapshots().stat(name))
        .isInstanceOf(SnapshotException.NotFound.class)
        .hasMessageContaining(" is missing");
  }

  @Test
  void whatIsMissingIsRebuiltAndMountedAnewAndWhoRunsOnTheOldFileKeepsIt() throws Exception {
    try (KernelMount running = KernelMount.of(snapshots().prepare("container", "top", NO_LABELS))) {
      List<String> before = TreeManifest.of(running.path(), Set.of());
      engine.close();
      for (byte[] tar : List.of(BASE, SECOND)) {
        Files.delete(tar(tar));
        Files.delete(index(tar));
      }
      open();
      assertHealed();
      assertThat(TreeManifest.of(running.path(), Set.of())).isEqualTo(before);
    }
    assertThatCode(() -> KernelMount.of(snapshots().mounts("container")).close())
        .doesNotThrowAnyException();
  }

  @Test
  void ofAllThatHaveALayerThoseAreNamedThatRunOnItsOldFile() throws Exception {
    snapshots().prepare("idle", "top", NO_LABELS);
    snapshots().view("idle-view", "top", NO_LABELS);
    Logger logger = (Logger) LoggerFactory.getLogger(LayerRebuild.class);
    ListAppender<ILoggingEvent> log = new ListAppender<>();
    log.start();
    try (KernelMount running = KernelMount.of(snapshots().prepare("container", "top", NO_LABELS));
        KernelMount bound = KernelMount.of(snapshots().view("bound-view", "base", NO_LABELS))) {
      logger.addAppender(log);
      engine.close();
      for (byte[] tar : List.of(BASE, SECOND)) {
        Files.delete(tar(tar));
      }
      open();
      assertThat(log.list)
          .extracting(ILoggingEvent::getFormattedMessage)
          .filteredOn(line -> line.contains("was repaired"))
          .satisfiesExactlyInAnyOrder(
              line ->
                  assertThat(line)
                      .contains(" name=base still_on_the_old_file=[bound-view, container]"),
              line -> assertThat(line).contains(" name=top still_on_the_old_file=[container]"));
      assertThat(running.path()).isNotEmptyDirectory();
      assertThat(bound.path()).isNotEmptyDirectory();
    } finally {
      logger.detachAppender(log);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatWasNotSyncedIsVerifiedAndRebuilt(Damage damage) throws Exception {
    for (byte[] tar : List.of(BASE, SECOND)) {
      engine.close();
      KernelMounts.detachAll(directory);
      doubt(tar);
      damage.happen(tar(tar));
      open();
      assertHealed();
      engine.close();
      KernelMounts.detachAll(directory);
      doubt(tar);
      damage.happen(index(tar));
      open();
      assertHealed();
    }
  }

  @Test
  void whatWasNotSyncedAndIsWholeIsSyncedAndStaysAsItIs() throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
    doubt(BASE);
    Object file = Files.getAttribute(tar(BASE), "unix:ino");
    blobs.clear();
    open();
    assertHealed();
    assertThat(Files.getAttribute(tar(BASE), "unix:ino")).isEqualTo(file);
  }

  @ParameterizedTest
  @EnumSource
  void withoutItsBlobALayerIsMissingAndNothingElseIs(Damage damage) throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
    doubt(SECOND);
    damage.happen(tar(SECOND));
    Map<Digest, byte[]> all = Map.copyOf(blobs);
    blobs.clear();
    open();
    assertMissing("top");
    assertThatThrownBy(() -> snapshots().prepare("container", "top", NO_LABELS))
        .isInstanceOf(SnapshotException.NotFound.class);
    assertThat(snapshots().stat("base").name()).isEqualTo("base");
    engine.close();
    blobs.putAll(all);
    open();
    assertHealed();
  }

  @Test
  void aLayerThatIsLostIsShownToNobody() throws Exception {
    snapshots().prepare("container", "top", NO_LABELS);
    long id = topId();
    engine.close();
    KernelMounts.detachAll(directory);
    doubt(SECOND);
    Damage.FLIPPED.happen(tar(SECOND));
    blobs.clear();
    open();
    assertMissing("top");
    assertThat(KernelMounts.ids(directory)).isNotEmpty().doesNotContain(id);
  }

  @Test
  void anApplyThatFindsTheTarDamagedMakesItAnewForAll() throws Exception {
    damage(SECOND);
    assertThat(manifest()).as("read from the damaged tar").isNotEqualTo(expected);
    try (KernelMount running = KernelMount.of(snapshots().prepare("container", "top", NO_LABELS))) {
      List<String> before = TreeManifest.of(running.path(), Set.of());
      unpackAsBase();
      assertHealed();
      assertThat(TreeManifest.of(running.path(), Set.of())).isEqualTo(before);
    }
  }

  @Test
  void aLayerIsMountedForWhoNeedsItWhetherItsDamagedTarCouldBeReplacedOrNot() throws Exception {
    damage(SECOND);
    try (KernelMount _ = KernelMount.of(snapshots().prepare("container", "top", NO_LABELS))) {
      long id = topId();
      Object damaged = filesystem(id);
      calls.fail("replace", Errno.ENOSPC);
      assertThatThrownBy(this::unpackAsBase)
          .isInstanceOf(SnapshotException.ResourceExhausted.class);
      assertThat(KernelMounts.ids(directory)).contains(id);
      calls.succeed("replace");
      snapshots().remove(EXTRACTION + "again");
      unpackAsBase();
      assertThat(KernelMounts.ids(directory)).contains(id);
      assertThat(filesystem(id)).isNotEqualTo(damaged);
    }
  }

  /** Damages a tar that is mounted nowhere, so that only a read can detect it. */
  private void damage(byte[] tar) throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
    byte[] damaged = tar.clone();
    damaged[0] ^= 1;
    damaged[damaged.length / 2] ^= 1;
    Files.write(tar(tar), damaged);
    open();
  }

  /** Makes an apply read the layer's tar: a base layer has an index that fits no other place. */
  private void unpackAsBase() throws Exception {
    unpack(SECOND, "again", "");
    snapshots().remove("again");
  }

  /** Makes the first index rebuild fail, and runs a step just before that. */
  private AtomicInteger failRepairAfter(Runnable step) {
    AtomicInteger failures = new AtomicInteger();
    calls.precede(
        "createDirectory",
        () -> {
          if (isHealing() && failures.getAndIncrement() == 0) {
            step.run();
            throw new ErrnoException("createDirectory", Errno.EIO, LinuxPath.of("injected"));
          }
        });
    return failures;
  }

  @Test
  void aSnapshotThatHasATreeMeanwhileIsNotCalledDamaged() throws Exception {
    damage(SECOND);
    AtomicInteger failures =
        failRepairAfter(() -> engine.converter().layOut("top", new Cancellation()));
    unpackAsBase();
    assertThat(failures).hasPositiveValue();
    assertThat(manifest()).isEqualTo(expected);
  }

  @Test
  void anActiveSnapshotThatHasATreeMeanwhileIsNotCalledPartial() throws Exception {
    String key = "k8s.io/1/extract-987654321-ab12 sha256:active";
    engine
        .unpacker(1)
        .find(snapshots().prepare(key, "base", NO_LABELS))
        .unpack(
            new BytesBlob(Compressed.gzip(SECOND)),
            false,
            NextLayerHint.UNKNOWN,
            new Cancellation());
    snapshots().remove("top");
    damage(SECOND);
    AtomicInteger failures = failRepairAfter(() -> snapshots().mounts(key));
    unpackAsBase();
    assertThat(failures).hasPositiveValue();
    snapshots().commit("top", key, "", NO_LABELS);
    assertThat(manifest()).isEqualTo(expected);
  }

  /** The directory on which the layer would be mounted is gone. */
  @Test
  void aSnapshotWithoutItsDirectoryStaysMissingThoughItsLayerIsHealed() throws Exception {
    Set<String> others = TestEngine.names(directory.resolve("snapshots"));
    unpack(SECOND, "twin", "base");
    Set<String> twin = TestEngine.names(directory.resolve("snapshots"));
    twin.removeAll(others);
    engine.close();
    KernelMounts.detachAll(directory);
    Files.delete(tar(SECOND));
    for (String name : twin) {
      Files.delete(directory.resolve("snapshots").resolve(name));
    }
    open();
    assertMissing("twin");
    assertHealed();
  }

  private static void makeImmutable(Path file) throws ErrnoException {
    try (Fd open = Fcntl.open(LinuxPath.of(file))) {
      new LinuxDisk().addInodeFlags(open, Set.of(InodeFlag.IMMUTABLE));
    }
  }

  /** A container that runs on the damaged files goes on meanwhile. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatARepairHasSetAsideIsRebuilt(boolean isImmutable) throws Exception {
    snapshots().prepare("container", "top", NO_LABELS);
    engine.close();
    Damage.FLIPPED.happen(tar(SECOND));
    Damage.FLIPPED.happen(index(BASE));
    if (isImmutable) {
      makeImmutable(tar(SECOND));
      makeImmutable(index(BASE));
    }
    EngineSettings settings = TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN);
    String damaged = directory.relativize(tar(SECOND)).toString();
    assertThat(
            RootRepair.runWithContent(
                    new LinuxDisk(), directory, settings.metadata(), false, (_, _) -> {})
                .done())
        .contains("%s is kept as %s.damaged".formatted(damaged, damaged))
        .filteredOn(sentence -> sentence.contains("is missing now"))
        .hasSize(2);
    open();
    assertThat(manifest()).isEqualTo(expected);
    assertThat(Files.readAllBytes(tar(SECOND))).isEqualTo(SECOND);
    assertThat(BytesBlob.digestOf(Files.readAllBytes(index(BASE))).hex())
        .isEqualTo(index(BASE).getFileName().toString().substring("index-".length()));
  }

  /**
   * Like an index from a faulty writer: its content has the digest in its name and in the record.
   */
  @Test
  void anIndexThatTheTarDoesNotGiveIsSetAsideAndItsLayerIsMissing() throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
    byte[] content = Files.readAllBytes(index(SECOND));
    content[content.length / 2] ^= 1;
    Files.delete(index(SECOND));
    Digest altered = BytesBlob.digestOf(content);
    Path file = layer(SECOND).resolve("index-" + altered.hex());
    Files.setPosixFilePermissions(
        Files.write(file, content), PosixFilePermissions.fromString("rw-------"));
    EngineSettings settings = TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN);
    try (Root root = Root.open(new LinuxDisk(), directory);
        MetadataStore store =
            MetadataStore.open(new LinuxDisk(), root.metadataPath(), settings.metadata())) {
      SnapshotRecord top = store.find("top").orElseThrow();
      store.put(top.withForm(new LayerForm.Indexed(BytesBlob.digestOf(SECOND), altered)));
    }
    assertThat(RootCheck.of(directory).isClean()).as("without looking at the content").isTrue();
    RootRepair.Outcome outcome =
        RootRepair.runWithContent(
            new LinuxDisk(), directory, settings.metadata(), false, (_, _) -> {});
    assertThat(outcome.found().findings())
        .filteredOn(RootFinding.DamagedLayer.class::isInstance)
        .singleElement()
        .satisfies(finding -> assertThat(finding.place()).endsWith(altered.hex()));
    assertThat(file).doesNotExist();
    open();
    assertMissing("top");
    assertThat(snapshots().stat("base").name()).isEqualTo("base");
  }

  @Test
  void aBlobThatIsDamagedOrAnotherLayerIsNotTaken() throws Exception {
    Map<Digest, byte[]> all = Map.copyOf(blobs);
    byte[] damaged = Compressed.gzip(SECOND);
    damaged[damaged.length / 2] ^= 1;
    for (byte[] instead : List.of(damaged, Compressed.gzip(BASE))) {
      engine.close();
      KernelMounts.detachAll(directory);
      Files.deleteIfExists(tar(SECOND));
      blobs.replaceAll((_, _) -> instead);
      open();
      assertMissing("top");
      assertThat(tar(SECOND)).doesNotExist();
    }
    blobs.putAll(all);
    engine.close();
    Path another = Files.createFile(layer(SECOND).resolve(blobName("blob-", BASE)));
    Files.delete(layer(SECOND).resolve(blobName("blob-", SECOND)));
    open();
    assertMissing("top");
    assertThat(tar(SECOND)).doesNotExist();
    engine.close();
    Files.move(another, layer(SECOND).resolve(blobName("blob-", SECOND)));
    open();
    assertHealed();
  }

  /** Another version may have unpacked the layers from which the index is built. */
  @Test
  void anIndexThatIsAnotherOneThanIsRecordedIsNotTaken() throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
    // This also loses the attributes that the layer inherits from the one below it.
    Files.delete(index(SECOND));
    Files.delete(index(BASE));
    Files.move(tar(SECOND), tar(BASE), StandardCopyOption.REPLACE_EXISTING);
    open();
    assertMissing("base");
    assertMissing("top");
  }

  @ParameterizedTest
  @CsvSource({
    "createFile, ENOSPC",
    "write, EIO",
    "syncData, EIO",
    "replace, EIO",
    "sync, EIO",
    "createDirectory, ENOSPC",
  })
  void ifACallFailsTheLayerIsMissingAndTheNextStartTriesAgain(String call, Errno errno)
      throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
    doubt(SECOND);
    Damage.FLIPPED.happen(tar(SECOND));
    AtomicInteger failures = new AtomicInteger();
    calls.precede(
        call,
        () -> {
          if (isHealing()) {
            failures.incrementAndGet();
            throw new ErrnoException(call, errno, LinuxPath.of("injected"));
          }
        });
    open();
    assertThat(failures).hasPositiveValue();
    assertMissing("top");
    assertThat(snapshots().stat("base").name()).isEqualTo("base");
    engine.close();
    calls.precede(call, () -> {});
    open();
    assertHealed();
  }

  private static boolean isHealing() {
    return StackWalker.getInstance()
        .walk(
            frames ->
                frames.anyMatch(
                    frame ->
                        frame.getClassName().equals(LayerRepair.class.getName())
                            || frame.getClassName().equals(LayerRebuild.class.getName())
                            || frame.getClassName().contains("LayerRun")));
  }

  private static final class KilledException extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  @ParameterizedTest
  @ValueSource(strings = {"createDirectory", "createFile", "write", "syncData", "replace", "sync"})
  void ifTheDaemonIsKilledMeanwhileTheNextStartHeals(String call) throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
    doubt(SECOND);
    Damage.FLIPPED.happen(tar(SECOND));
    Damage.MISSING.happen(index(BASE));
    calls.precede(
        call,
        () -> {
          if (isHealing()) {
            throw new KilledException();
          }
        });
    assertThatThrownBy(this::open)
        .satisfiesAnyOf(
            thrown -> assertThat(thrown).isInstanceOf(KilledException.class),
            thrown -> assertThat(thrown).hasRootCauseInstanceOf(KilledException.class));
    calls.precede(call, () -> {});
    open();
    assertHealed();
  }

  /** The correct tar has its name by then, so the next start finds no damage. */
  @Test
  void ifTheDaemonIsKilledWhenATarHasItsNameNoMountIsLeftOverTheDamagedOne() throws Exception {
    try (KernelMount _ = KernelMount.of(snapshots().prepare("container", "top", NO_LABELS))) {
      long id = topId();
      Object damaged = filesystem(id);
      engine.close();
      doubt(SECOND);
      damageInPlace(tar(SECOND));
      calls.precede(
          "sync",
          () -> {
            if (isHealing() && isRight(tar(SECOND))) {
              throw new KilledException();
            }
          });
      assertThatThrownBy(this::open)
          .satisfiesAnyOf(
              thrown -> assertThat(thrown).isInstanceOf(KilledException.class),
              thrown -> assertThat(thrown).hasRootCauseInstanceOf(KilledException.class));
      calls.precede("sync", () -> {});
      open();
      assertHealed();
      // The container keeps the old filesystem, so no other one has its device number.
      assertThat(filesystem(id)).isNotEqualTo(damaged);
    }
  }

  private Object filesystem(long id) throws IOException {
    return Files.getAttribute(
        directory.resolve("snapshots").resolve(Long.toString(id)).resolve("fs"), "unix:dev");
  }

  /** {@return the id of the newest snapshot whose layer is mounted} */
  private long topId() throws ErrnoException {
    return KernelMounts.ids(directory).stream().max(Long::compare).orElseThrow();
  }

  /** Damages a file like a disk that returns other data than was written. */
  private static void damageInPlace(Path file) throws IOException {
    try (FileChannel open = FileChannel.open(file, StandardOpenOption.WRITE)) {
      open.write(ByteBuffer.wrap(new byte[512]), open.size() / 2);
      open.force(true);
    }
  }

  private static boolean isRight(Path tar) {
    try {
      return Arrays.equals(Files.readAllBytes(tar), SECOND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
