package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The fate of directories when the disk fails. */
class DiscardTest {

  private static final Map<String, String> NO_LABELS = Map.of();

  @TempDir private Path temporary;

  private final FailingDisk disk = new FailingDisk();

  private EngineRoot open() throws Exception {
    return TestEngine.open(temporary.resolve("root"), disk, UnaryOperator.identity());
  }

  private Set<String> names(String directory) {
    return TestEngine.names(temporary.resolve("root").resolve(directory));
  }

  /** Waits until the background work has met the failure. */
  private void awaitFailure() throws InterruptedException {
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (disk.failures == 0) {
      assertThat(System.nanoTime()).as("nothing failed in 30 s").isLessThan(deadline);
      Thread.sleep(1);
    }
    assertThat(disk.failures).isEqualTo(1);
  }

  @Test
  void snapshotThatCannotBeFilledLeavesNothing() throws Exception {
    try (EngineRoot engine = open()) {
      disk.fail("createDirectory", LinuxPath.of("fs"), Errno.ENOSPC);
      assertFails(engine.snapshotter(), SnapshotException.ResourceExhausted.class, "ENOSPC");
    }
  }

  @Test
  void snapshotThatCannotBeMovedToItsPlaceLeavesNothing() throws Exception {
    try (EngineRoot engine = open()) {
      disk.fail("rename", LinuxPath.of("1"), Errno.EIO);
      assertFails(engine.snapshotter(), SnapshotException.StorageFailure.class, "EIO");
    }
  }

  @Test
  void snapshotWhoseNameCannotBeMadeDurableLeavesNothing() throws Exception {
    try (EngineRoot engine = open()) {
      disk.fail("sync", LinuxPath.of("snapshots"), Errno.EIO);
      assertFails(engine.snapshotter(), SnapshotException.StorageFailure.class, "EIO");
    }
  }

  private void assertFails(
      Snapshotter snapshots, Class<? extends SnapshotException> kind, String reason) {
    assertThatThrownBy(() -> snapshots.prepare("a", "", NO_LABELS))
        .isInstanceOf(kind)
        .hasMessageStartingWith("prepare a: ")
        .hasMessageContaining(reason);
    assertThat(disk.failures).isEqualTo(1);
    snapshots.cleanup();
    assertThat(names("snapshots")).isEmpty();
    assertThat(names("trash")).isEmpty();
    snapshots.prepare("a", "", NO_LABELS);
    assertThat(names("snapshots")).isEqualTo(Set.of("2"));
  }

  @Test
  void cleanupDeletesWhatCouldNotBeDeletedBefore() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      disk.fail("removeDirectory", LinuxPath.of("fs"), Errno.EIO);
      snapshots.remove("a");
      awaitFailure();
      assertThat(names("trash")).isEqualTo(Set.of("1"));
      snapshots.cleanup();
      assertThat(names("trash")).isEmpty();
    }
  }

  @Test
  void cleanupMovesWhatCouldNotBeMovedBefore() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      disk.fail("rename", LinuxPath.of("1"), Errno.EIO);
      snapshots.remove("a");
      awaitFailure();
      assertThat(names("snapshots")).isEqualTo(Set.of("1"));
      snapshots.cleanup();
      assertThat(names("snapshots")).isEmpty();
      assertThat(names("trash")).isEmpty();
    }
  }

  @Test
  void bugWhileSomethingIsDeletedDoesNotKeepTheRest() throws Exception {
    try (EngineRoot engine = open()) {
      Snapshotter snapshots = engine.snapshotter();
      snapshots.prepare("a", "", NO_LABELS);
      snapshots.prepare("b", "", NO_LABELS);
      disk.failWithBug("removeDirectory", LinuxPath.of("1"));
      snapshots.remove("a");
      awaitFailure();
      assertThat(names("trash")).isEqualTo(Set.of("1"));
      snapshots.remove("b");
      snapshots.cleanup();
      assertThat(names("snapshots")).isEmpty();
      assertThat(names("trash")).isEmpty();
    }
  }

  /** A disk that fails one call, once. */
  private static final class FailingDisk extends ForwardingDisk {

    private String call = "";
    private LinuxPath name = LinuxPath.EMPTY;
    private @Nullable Errno errno = Errno.EIO;
    private volatile int failures;

    FailingDisk() {
      super(new UnsyncedDisk());
    }

    synchronized void fail(String call, LinuxPath name, Errno errno) {
      this.call = call;
      this.name = name;
      this.errno = errno;
    }

    synchronized void failWithBug(String call, LinuxPath name) {
      this.call = call;
      this.name = name;
      this.errno = null;
    }

    private synchronized void attempt(String attempted, LinuxPath on) throws ErrnoException {
      if (attempted.equals(call) && on.equals(name)) {
        call = "";
        failures++;
        if (errno == null) {
          throw new IllegalStateException("a bug that the test has made");
        }
        throw new ErrnoException(attempted, errno, on);
      }
    }

    @Override
    public void createDirectory(Fd parent, LinuxPath name, int mode) throws ErrnoException {
      attempt("createDirectory", name);
      super.createDirectory(parent, name, mode);
    }

    @Override
    public void rename(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to)
        throws ErrnoException {
      attempt("rename", to);
      super.rename(fromParent, from, toParent, to);
    }

    @Override
    public void removeDirectory(Fd parent, LinuxPath name) throws ErrnoException {
      attempt("removeDirectory", name);
      super.removeDirectory(parent, name);
    }

    @Override
    public void sync(Fd file) throws ErrnoException {
      attempt("sync", LinuxPath.of(Path.of(file.path().toString()).getFileName()));
      super.sync(file);
    }
  }
}
