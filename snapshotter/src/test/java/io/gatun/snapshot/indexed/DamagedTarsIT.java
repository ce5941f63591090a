package io.gatun.snapshot.indexed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
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
import io.gatun.snapshot.fsck.RootRepair;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** Tars that are damaged while they are mounted, and whose layers are applied again. */
@Timeout(120)
class DamagedTarsIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final String EXTRACTION = "k8s.io/1/extract-123456789-ab12 sha256:";
  private static final String CONTENT = "x".repeat(100_000);

  private static final byte[] BASE =
      TarBuilder.pax().modified(1_000).directory("opt", 0755).finish();

  private static final byte[] LAYER =
      TarBuilder.pax().modified(2_000).file("opt/file", 0644, CONTENT).finish();

  private final DiskCalls calls = new DiskCalls(new LinuxDisk());
  private Path directory;
  private EngineRoot engine;

  @BeforeEach
  void make() throws Exception {
    directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("damaged-");
    open(SyncPolicy.COMMIT);
  }

  private void open(SyncPolicy sync) throws Exception {
    engine =
        EngineRoot.open(
            calls.disk(),
            settings().withLayers(LayerSetting.INDEXED).withLayerSync(sync),
            InstantSource.system());
  }

  private EngineSettings settings() {
    return TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN);
  }

  @AfterEach
  void close() throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
  }

  private Snapshotter snapshots() {
    return engine.snapshotter();
  }

  private String apply(byte[] layer, String name, String parent) {
    String key = EXTRACTION + name;
    engine
        .unpacker(1)
        .find(snapshots().prepare(key, parent, NO_LABELS))
        .unpack(
            new BytesBlob(Compressed.gzip(layer)),
            false,
            NextLayerHint.UNKNOWN,
            new Cancellation());
    return key;
  }

  private void unpack(byte[] layer, String name, String parent) {
    snapshots().commit(name, apply(layer, name, parent), "", NO_LABELS);
  }

  private Path layer(byte[] tar) {
    return directory.resolve("layers").resolve(BytesBlob.digestOf(tar).hex());
  }

  /** Damages the same file in place, like a disk that returns other data than was written. */
  private void rot() throws Exception {
    try (FileChannel file =
        FileChannel.open(layer(LAYER).resolve("tar"), StandardOpenOption.WRITE)) {
      file.write(ByteBuffer.wrap(new byte[512]), 50 << 10);
      file.force(true);
    }
  }

  private boolean isTarRight() throws Exception {
    return Arrays.equals(Files.readAllBytes(layer(LAYER).resolve("tar")), LAYER);
  }

  private String read(String name) throws Exception {
    String key = "view of " + name;
    try (KernelMount view = KernelMount.of(snapshots().view(key, name, NO_LABELS))) {
      return Files.readString(view.path().resolve("opt/file"));
    } finally {
      snapshots().remove(key);
    }
  }

  private KernelMount container(String parent) throws Exception {
    return KernelMount.of(snapshots().prepare("container", parent, NO_LABELS));
  }

  @Test
  void aLayerThatIsPulledAgainAfterARepairIsNotSeenByWayOfAMountOfTheDamagedTar() throws Exception {
    unpack(BASE, "base", "");
    unpack(LAYER, "top", "base");
    try (KernelMount _ = container("top")) {
      engine.close();
      rot();
      var _ =
          RootRepair.runWithContent(
              new LinuxDisk(), directory, settings().metadata(), false, (_, _) -> {});
      assertThat(layer(LAYER).resolve("tar")).doesNotExist();
      open(SyncPolicy.COMMIT);
      assertThatThrownBy(() -> snapshots().stat("top"))
          .isInstanceOf(SnapshotException.NotFound.class);
      unpack(LAYER, "again", "base");
      assertThat(read("again")).isEqualTo(CONTENT);
      // The layer has a tar again, so it is no longer lost.
      assertThat(read("top")).isEqualTo(CONTENT);
    }
  }

  @Test
  void aLayerOfWhichAllFilesAreGoneIsThereAgainWhenItWasPulledAgain() throws Exception {
    unpack(BASE, "base", "");
    unpack(LAYER, "top", "base");
    engine.close();
    KernelMounts.detachAll(directory);
    for (byte[] tar : List.of(BASE, LAYER)) {
      for (String name : TestEngine.names(layer(tar))) {
        Files.delete(layer(tar).resolve(name));
      }
      Files.delete(layer(tar));
    }
    open(SyncPolicy.COMMIT);
    assertThatThrownBy(() -> snapshots().stat("top"))
        .isInstanceOf(SnapshotException.NotFound.class);
    unpack(BASE, "other-base", "");
    assertThat(snapshots().stat("base").name()).isEqualTo("base");
    unpack(LAYER, "other-top", "base");
    assertThat(read("top")).isEqualTo(CONTENT);
    assertThat(read("other-top")).isEqualTo(CONTENT);
  }

  /** A sync fails, and another request applies the layer before it is verified. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aLayerWhoseTarAnApplyHasReplacedIsSeenByNobodyAsItWas(boolean isRestarted) throws Exception {
    CountDownLatch failed = new CountDownLatch(1);
    calls.precede(
        "syncData",
        () -> {
          if (Thread.currentThread().getName().equals("gatun-layer-sync")
              && failed.getCount() > 0) {
            failed.countDown();
            throw new ErrnoException("syncData", Errno.EIO, LinuxPath.of("injected"));
          }
        });
    engine.close();
    open(SyncPolicy.BACKGROUND);
    unpack(LAYER, "top", "");
    failed.await();
    Logger logger = (Logger) LoggerFactory.getLogger(LayerRebuild.class);
    ListAppender<ILoggingEvent> log = new ListAppender<>();
    log.start();
    logger.addAppender(log);
    try (KernelMount _ = container("top")) {
      rot();
      while (!isTarRight()) {
        // Until the failure is noticed, the layer counts as present.
        unpack(LAYER, "again", "");
        if (!isTarRight()) {
          snapshots().remove("again");
        }
      }
      assertThat(log.list)
          .extracting(ILoggingEvent::getFormattedMessage)
          .anyMatch(line -> line.contains("replaced") && line.endsWith("=[container]"));
      if (isRestarted) {
        engine.close();
        open(SyncPolicy.BACKGROUND);
      }
      assertThat(read("again")).isEqualTo(CONTENT);
      assertThat(read("top")).isEqualTo(CONTENT);
    } finally {
      logger.detachAppender(log);
    }
  }

  @Test
  void aDamagedTarIsNotConverted() throws Exception {
    unpack(LAYER, "top", "");
    rot();
    assertThatThrownBy(() -> engine.converter().layOut("top", new Cancellation()))
        .isInstanceOf(SnapshotException.StorageFailure.class)
        .hasMessageContaining("convert")
        .hasMessageContaining("damaged");
    assertThat(layer(LAYER).resolve("tar")).exists();
  }

  @Test
  void aDamagedTarIsNotLaidOutForWhoAsksForFiles() throws Exception {
    unpack(LAYER, "top", "");
    rot();
    String key = apply(LAYER, "active", "");
    assertThatThrownBy(() -> snapshots().mounts(key))
        .isInstanceOf(SnapshotException.StorageFailure.class)
        .hasMessageContaining(key)
        .hasMessageContaining("damaged");
  }

  @Test
  void aLayerThatCouldNotGoWhileAnApplyUsedItGoesWhenThatHasFailed() throws Exception {
    unpack(LAYER, "top", "");
    unpack(BASE, "base", "");
    AtomicInteger drafts = new AtomicInteger();
    String key = EXTRACTION + "again";
    snapshots().prepare(key, "base", NO_LABELS);
    calls.precede(
        "createDirectory",
        () -> {
          // The first directory is for the index of the layer, which the apply has acquired by
          // then.
          if (drafts.getAndIncrement() == 0) {
            snapshots().remove("top");
            snapshots().cleanup();
            throw new ErrnoException("createDirectory", Errno.ENOSPC, LinuxPath.of("injected"));
          }
        });
    assertThatThrownBy(
            () ->
                engine
                    .unpacker(1)
                    .find(snapshots().mounts(key))
                    .unpack(
                        new BytesBlob(Compressed.gzip(LAYER)),
                        false,
                        NextLayerHint.UNKNOWN,
                        new Cancellation()))
        .isInstanceOf(SnapshotException.ResourceExhausted.class);
    assertThat(drafts).hasPositiveValue();
    assertThat(TestEngine.names(directory.resolve("layers")))
        .containsExactly(BytesBlob.digestOf(BASE).hex());
  }
}
