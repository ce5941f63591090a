package io.gatun.snapshot.unpack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.GatedBlob;
import io.gatun.snapshot.engine.TestEngine;
import io.gatun.snapshot.engine.TestRoots;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem.Kind;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Layers that are written to trees before their snapshots exist, as seen through kernel mounts. */
@Timeout(120)
class TreePrefetchIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();

  private static final byte[] BASE =
      TarBuilder.pax()
          .modified(1_000)
          .directory("etc", 0750)
          .file("etc/hostname", 0644, "gatun")
          .file("etc/gone", 0644, "gone")
          .directory("opt", 01777)
          .file("opt/below", 0600, "below")
          .finish();

  /** A layer that inherits nothing. */
  private static final byte[] NAMING =
      TarBuilder.pax()
          .modified(2_000)
          .directory("etc", 0700)
          .whiteout("etc/gone")
          .directory("opt", 0755)
          .opaque("opt")
          .file("opt/file", 04755, "x".repeat(100_000))
          .hardLink("opt/linked", 04755, "opt/file")
          .file("new/deep/file", 0644, "in directories that nobody names")
          .finish();

  private static final byte[] INHERITING =
      TarBuilder.pax().modified(3_000).owner(7, 8).file("etc/last", 0644, "last").finish();

  /** An access control list: its version, and five entries, one of them for the user 1000. */
  private static final byte[] DEFAULT_ACL =
      HexFormat.of()
          .parseHex(
              "02000000"
                  + ("01000700ffffffff" + "02000500e8030000" + "04000500ffffffff")
                  + ("10000500ffffffff" + "20000000ffffffff"));

  private static final byte[] WITH_DEFAULT_ACL =
      TarBuilder.pax()
          .xattr("system.posix_acl_default", DEFAULT_ACL)
          .directory("etc", 0755)
          .directory("opt", 0755)
          .finish();

  /** A chain of snapshots in a root. */
  private static final class Place implements AutoCloseable {
    private final Path directory;
    private final EngineRoot engine;
    private final LayerUnpacker unpacker;
    private final List<String> names = new ArrayList<>();

    Place(Kind kind, DriverSetting driver, OverlaySettings overlay) throws Exception {
      directory = FILESYSTEMS.of(kind).createDirectory("ahead-");
      engine = TestRoots.open(directory, driver, overlay);
      unpacker = engine.unpacker(2);
    }

    Snapshotter snapshots() {
      return engine.snapshotter();
    }

    private String parent() {
      return names.isEmpty() ? "" : names.getLast();
    }

    AppliedLayer unpack(byte[] layer) {
      return unpack(new BytesBlob(Compressed.gzip(layer)), NextLayerHint.UNKNOWN);
    }

    AppliedLayer unpack(LayerBlob blob, NextLayerHint next) {
      int number = names.size();
      String key = "k8s.io/%d/extract-1-ab sha256:0%d".formatted(number, number);
      List<Mount> mounts = snapshots().prepare(key, parent(), NO_LABELS);
      AppliedLayer layer = unpacker.find(mounts).unpack(blob, false, next, new Cancellation());
      snapshots().commit("chain-" + number, key, "", NO_LABELS);
      names.add("chain-" + number);
      return layer;
    }

    /**
     * Unpacks a layer while the next one is prefetched. When this returns, the prefetch has begun.
     */
    void unpackBefore(byte[] layer, byte[] next) throws InterruptedException {
      unpackBefore(new BytesBlob(Compressed.gzip(layer)), next);
    }

    private AppliedLayer unpackBefore(LayerBlob blob, byte[] next) throws InterruptedException {
      GatedBlob ahead = new GatedBlob(Compressed.gzip(next));
      ahead.open();
      AppliedLayer layer = unpack(blob, () -> Optional.of(ahead));
      ahead.awaitBegun();
      return layer;
    }

    /** The same, with a layer whose blob cannot be read, so that it has to be prefetched. */
    AppliedLayer unpackUnreadBefore(byte[] layer, byte[] next) throws InterruptedException {
      return unpackBefore(new GatedBlob(Compressed.gzip(layer)), next);
    }

    AppliedLayer unpackUnread(byte[] layer) {
      return unpack(new GatedBlob(Compressed.gzip(layer)), NextLayerHint.UNKNOWN);
    }

    List<String> manifest() throws Exception {
      String key = "view of " + parent();
      try (KernelMount view = KernelMount.of(snapshots().view(key, parent(), NO_LABELS))) {
        List<String> all = new ArrayList<>(TreeManifest.of(view.path(), Set.of()));
        // The top and implicit directories have the time of their creation.
        for (String named : List.of("etc", "opt")) {
          all.add(named + " " + Files.getLastModifiedTime(view.path().resolve(named)));
        }
        return all;
      } finally {
        snapshots().remove(key);
      }
    }

    List<Usage> usages() {
      return names.stream().map(snapshots()::usage).toList();
    }

    Set<String> trash() {
      return TestEngine.names(directory.resolve("trash"));
    }

    boolean isMaking() {
      return Thread.getAllStackTraces().keySet().stream()
          .anyMatch(thread -> thread.getName().equals("gatun-ahead"));
    }

    @Override
    public void close() {
      engine.close();
    }
  }

  private static Place place(Kind kind) throws Exception {
    return new Place(kind, DriverSetting.OVERLAY, TestRoots.PLAIN);
  }

  @ParameterizedTest
  @EnumSource
  void layersThatArePrefetchedAreTheSameAndNobodyReadsThemAgain(Kind kind) throws Exception {
    try (Place ordinary = place(kind);
        Place ahead = place(kind)) {
      for (byte[] layer : List.of(BASE, NAMING, INHERITING)) {
        ordinary.unpack(layer);
      }
      ahead.unpackBefore(BASE, NAMING);
      AppliedLayer layer = ahead.unpackUnreadBefore(NAMING, INHERITING);
      assertThat(layer.diffId()).isEqualTo(BytesBlob.digestOf(NAMING));
      assertThat(layer.sizeBytes()).isEqualTo(NAMING.length);
      ahead.unpackUnread(INHERITING);
      assertThat(ahead.manifest()).isEqualTo(ordinary.manifest());
      assertThat(ahead.usages()).isEqualTo(ordinary.usages());
      while (!ahead.trash().equals(ordinary.trash())) {
        ahead.snapshots().cleanup();
      }
    }
  }

  /** Files that were created in the directory meanwhile would have got the ACL. */
  @ParameterizedTest
  @EnumSource
  void aLayerThatInheritsADefaultAclIsWrittenWhereItBelongs(Kind kind) throws Exception {
    try (Place ordinary = place(kind);
        Place ahead = place(kind)) {
      ordinary.unpack(WITH_DEFAULT_ACL);
      ordinary.unpack(INHERITING);
      ahead.unpackBefore(WITH_DEFAULT_ACL, INHERITING);
      ahead.unpack(INHERITING);
      assertThat(ahead.manifest()).isEqualTo(ordinary.manifest());
      assertThat(ahead.usages()).isEqualTo(ordinary.usages());
    }
  }

  @Test
  void aLayerIsForOneOfThoseWhoAskForIt() throws Exception {
    byte[] gzip = Compressed.gzip(NAMING);
    GatedBlob ahead = new GatedBlob(gzip);
    // In this order, so that no thread waits for ever after a failure.
    try (Place place = place(Kind.EXT4);
        ExecutorService threads = Executors.newCachedThreadPool();
        AutoCloseable _ = ahead::open) {
      place.unpack(new BytesBlob(Compressed.gzip(BASE)), () -> Optional.of(ahead));
      ahead.awaitBegun();
      List<String> keys = List.of("n/1/extract-1-ab sha256:01", "n/2/extract-2-ab sha256:01");
      List<Future<?>> applies = new ArrayList<>();
      for (String key : keys) {
        List<Mount> mounts = place.snapshots().prepare(key, "chain-0", NO_LABELS);
        applies.add(
            threads.submit(
                () ->
                    place
                        .unpacker
                        .find(mounts)
                        .unpack(
                            new BytesBlob(gzip),
                            false,
                            NextLayerHint.UNKNOWN,
                            new Cancellation())));
      }
      ahead.open();
      for (int i = 0; i < keys.size(); i++) {
        applies.get(i).get();
        place.snapshots().commit("of " + i, keys.get(i), "", NO_LABELS);
        place.names.add("of " + i);
      }
      assertThat(place.usages().get(1)).isEqualTo(place.usages().get(2));
    }
  }

  @Test
  void whoIsToldOfTheMountsMeanwhileFindsTheLayerThroughThem() throws Exception {
    byte[] gzip = Compressed.gzip(NAMING);
    GatedBlob ahead = new GatedBlob(gzip);
    // In this order, so that no thread waits for ever after a failure.
    try (Place place = place(Kind.EXT4);
        ExecutorService threads = Executors.newCachedThreadPool();
        AutoCloseable _ = ahead::open) {
      place.unpack(new BytesBlob(Compressed.gzip(BASE)), () -> Optional.of(ahead));
      ahead.awaitBegun();
      String key = "n/1/extract-1-ab sha256:01";
      List<Mount> mounts = place.snapshots().prepare(key, "chain-0", NO_LABELS);
      Future<?> apply =
          threads.submit(
              () ->
                  place
                      .unpacker
                      .find(mounts)
                      .unpack(
                          new BytesBlob(gzip), false, NextLayerHint.UNKNOWN, new Cancellation()));
      while (!isAsking()) {
        Thread.sleep(1);
      }
      try (KernelMount mount = KernelMount.of(place.snapshots().mounts(key))) {
        ahead.open();
        apply.get();
        assertThat(mount.path().resolve("opt/file")).exists();
      }
    }
  }

  /** {@return whether a thread waits for a layer that is being prefetched} */
  private static boolean isAsking() {
    return Thread.getAllStackTraces().values().stream()
        .flatMap(Arrays::stream)
        .anyMatch(
            frame ->
                frame.getClassName().endsWith("Prefetcher$Claim")
                    && frame.getMethodName().equals("await"));
  }

  /** A client that has the mounts may be using them. */
  @Test
  void aContainersSnapshotIsWrittenTo() throws Exception {
    try (Place place = place(Kind.EXT4)) {
      place.unpackBefore(BASE, NAMING);
      List<Mount> mounts = place.snapshots().prepare("container", "chain-0", NO_LABELS);
      try (KernelMount mount = KernelMount.of(mounts)) {
        place
            .unpacker
            .find(mounts)
            .unpack(
                new BytesBlob(Compressed.gzip(NAMING)),
                false,
                NextLayerHint.UNKNOWN,
                new Cancellation());
        assertThat(mount.path().resolve("opt/file")).exists();
      }
    }
  }

  @Test
  void aLayerThatSomebodyElseMayKnowIsLeftToThemAndTheSnapshotAsItWas() throws Exception {
    byte[] tar =
        TarBuilder.pax().file("one", 0644, "1").file("large", 0644, new byte[1 << 20]).finish();
    int middle = tar.length / 2;
    byte[] blob =
        Compressed.joined(
            Compressed.zstd(Arrays.copyOf(tar, middle)),
            Compressed.zstdWithWindow(Arrays.copyOfRange(tar, middle, tar.length), 24));
    GatedBlob ahead = new GatedBlob(blob);
    ahead.open();
    try (Place place = place(Kind.EXT4)) {
      place.unpack(new BytesBlob(Compressed.gzip(BASE)), () -> Optional.of(ahead));
      ahead.awaitClosed();
      assertThat(ahead.isBegun()).isTrue();
      String key = "n/1/extract-1-ab sha256:01";
      List<Mount> mounts = place.snapshots().prepare(key, "chain-0", NO_LABELS);
      assertThatThrownBy(
              () ->
                  place
                      .unpacker
                      .find(mounts)
                      .unpack(
                          new BytesBlob(blob), false, NextLayerHint.UNKNOWN, new Cancellation()))
          .isInstanceOf(SnapshotException.Unsupported.class)
          .hasMessageContaining("a window of more than");
      assertThat(place.directory.resolve("snapshots/2/fs")).isEmptyDirectory();
      assertThat(TestEngine.directories(place.directory)).containsExactly(1L, 2L);
      while (!place.trash().isEmpty()) {
        place.snapshots().cleanup();
      }
      place
          .unpacker
          .find(mounts)
          .unpack(
              new BytesBlob(Compressed.gzip(NAMING)),
              false,
              NextLayerHint.UNKNOWN,
              new Cancellation());
      place.snapshots().commit("chain-1", key, "", NO_LABELS);
    }
  }

  @Test
  void whereSnapshotsAreCopiesNothingIsWrittenAhead() throws Exception {
    try (Place place = new Place(Kind.XFS, DriverSetting.NATIVE, TestRoots.PLAIN)) {
      AtomicBoolean isOpened = new AtomicBoolean();
      NextLayerHint next =
          () -> {
            isOpened.set(true);
            return Optional.empty();
          };
      place.unpack(new BytesBlob(Compressed.gzip(BASE)), next);
      assertThat(place.isMaking()).isFalse();
      assertThat(isOpened).isFalse();
    }
  }

  @Test
  void whatNobodyAsksForIsGoneWithTheDaemon() throws Exception {
    try (Place place = place(Kind.EXT4)) {
      place.unpackBefore(BASE, NAMING);
      assertThat(place.trash()).isNotEmpty();
      place.engine.close();
      assertThat(place.isMaking()).isFalse();
      EngineRoot again = TestRoots.open(place.directory, DriverSetting.OVERLAY, TestRoots.PLAIN);
      again.snapshotter().cleanup();
      assertThat(place.trash()).isEmpty();
      again.close();
    }
  }
}
