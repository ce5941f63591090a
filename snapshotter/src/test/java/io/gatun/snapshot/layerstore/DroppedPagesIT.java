package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How much of a cached tar stays in the page cache. */
final class DroppedPagesIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final int PAGE_BYTES = 4096;

  private static final byte[] LAYER =
      TarBuilder.pax().file("file", 0644, "content ".repeat(1 << 19)).finish();

  private static long cachedPages(Path tar) throws ErrnoException {
    try (Fd file = Fcntl.open(LinuxPath.of(tar))) {
      return Fcntl.cachedPages(file, 0, 0);
    }
  }

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void nothingOfATarIsCachedOnceItIsOnTheDisk(LoopFilesystem.Kind kind) throws Exception {
    Path root = FILESYSTEMS.of(kind).createDirectory("dropped");
    try (TestStore store = new TestStore(new LinuxDisk(), root)) {
      Digest diffId = store.keep(LAYER).layer().diffId();
      assertThat(cachedPages(store.tar(diffId))).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void aTarThatNobodyHasWaitedForIsCachedUntilItIsSettled(LoopFilesystem.Kind kind)
      throws Exception {
    Path root = FILESYSTEMS.of(kind).createDirectory("dropped-later");
    try (TestStore store = new TestStore(new LinuxDisk(), root)) {
      Digest diffId = store.keep(LAYER, false).layer().diffId();
      assertThat(cachedPages(store.tar(diffId))).isGreaterThanOrEqualTo(LAYER.length / PAGE_BYTES);
      try (LayerStore.LayerRef ref = store.store().acquire(diffId)) {
        assertThat(store.store().syncLayer(ref)).isEqualTo(LayerStore.SyncOutcome.DONE);
      }
      assertThat(cachedPages(store.tar(diffId))).isZero();
    }
  }
}
