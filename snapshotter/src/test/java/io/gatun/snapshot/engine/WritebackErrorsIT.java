package io.gatun.snapshot.engine;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.WritebackErrors;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A disk that loses writes: its image is in memory, which has too little room for the free blocks.
 * Used blocks, above all the journal of the filesystem, are allocated and can be written.
 */
final class WritebackErrorsIT {

  private static final long DISK_BYTES = 128L << 20;
  private static final long MEMORY_BYTES = 160L << 20;
  private static final long SPARE_BYTES = 8L << 20;
  private static final int MUCH_BYTES = 32 << 20;

  @TempDir Path scratch;

  private Path memory;
  private Path image;
  private Path volume;

  @BeforeEach
  void mountDisk() throws IOException {
    memory = Files.createDirectory(scratch.resolve("memory"));
    volume = Files.createDirectory(scratch.resolve("volume"));
    LoopFilesystem.run(
        List.of("mount", "-t", "tmpfs", "-o", "size=" + MEMORY_BYTES, "tmpfs", memory.toString()));
    image = memory.resolve("disk.img");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(DISK_BYTES);
    }
    LoopFilesystem.run(
        List.of(
            "mkfs.ext4",
            "-q",
            "-F",
            "-E",
            "lazy_itable_init=0,lazy_journal_init=0",
            image.toString()));
    // mkfs leaves holes instead of zeros.
    try (Fd file = Fcntl.open(LinuxPath.of(image), OpenFlag.READ_WRITE)) {
      Fcntl.fallocate(file, 0, DISK_BYTES);
    }
    LoopFilesystem.run(List.of("mount", "-o", "loop", image.toString(), volume.toString()));
  }

  /** Limits the memory to little more than the disk image occupies, so that further writes fail. */
  private void takeMemory() throws IOException {
    try (Fd disk = open(volume)) {
      Unistd.syncfs(disk);
    }
    LoopFilesystem.run(List.of("fstrim", volume.toString()));
    // The filesystem may write its own blocks between the measurement and the mount.
    await()
        .ignoreExceptions()
        .untilAsserted(
            () ->
                setMemory(
                    Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(image)).blocks()
                            * FileStatus.BLOCK_BYTES
                        + SPARE_BYTES));
  }

  private void setMemory(long bytes) throws IOException {
    LoopFilesystem.run(List.of("mount", "-o", "remount,size=" + bytes, memory.toString()));
  }

  @AfterEach
  void unmountDisk() {
    LoopFilesystem.run(List.of("umount", volume.toString()));
    LoopFilesystem.run(List.of("umount", memory.toString()));
  }

  private static Fd open(Path path) throws ErrnoException {
    return Fcntl.open(LinuxPath.of(path), OpenFlag.READ_ONLY);
  }

  /** Loses writes of a file of another writer, which gets the error. */
  private void loseWrites() throws IOException {
    takeMemory();
    Path file = Files.write(volume.resolve("of a container"), new byte[MUCH_BYTES]);
    try (Fd opened = open(file)) {
      assertThatThrownBy(() -> Unistd.fsync(opened)).isInstanceOf(ErrnoException.class);
    }
    try (RandomAccessFile shrunk = new RandomAccessFile(file.toFile(), "rw")) {
      shrunk.setLength(0);
    }
    // Later writes have room again.
    setMemory(MEMORY_BYTES);
  }

  @Test
  void writeThatIsLostIsToldWithoutASync() throws Exception {
    Path parent = Files.createDirectory(volume.resolve("parent"));
    try (Fd directory = open(parent);
        WritebackErrors errors = WritebackErrors.watch(new LinuxDisk(), directory)) {
      assertThat(parent).isEmptyDirectory();
      errors.requireNone();
      loseWrites();
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(errors::requireNone)
            .isInstanceOfSatisfying(
                ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO));
      }
    }
  }

  @Test
  void smallLayerIsNotCommittedAfterAnyWriteWasLost() throws Exception {
    DiskCalls calls = new DiskCalls(new LinuxDisk());
    EngineSettings defaults = EngineSettings.defaults(volume.resolve("root"));
    try (EngineRoot root =
        EngineRoot.open(
            calls.disk(),
            new EngineSettings(
                    defaults.root(),
                    DriverSetting.OVERLAY,
                    defaults.overlay(),
                    defaults.copyThreads(),
                    defaults.syncPolicy(),
                    defaults.metadata().withEntriesMax(100))
                // Pooled directories would be lost, too, and the error would appear later.
                .withDirectoryPool(TestRoots.NO_SPARES),
            InstantSource.system())) {
      Snapshotter snapshots = root.snapshotter();
      prepare(snapshots, "before");
      commit(snapshots, "before");
      assertThat(calls.count("syncFilesystem")).isZero();
      prepare(snapshots, "a");
      loseWrites();
      assertThatThrownBy(() -> commit(snapshots, "a"))
          .isInstanceOf(SnapshotException.StorageFailure.class)
          .hasMessageContaining("EIO");
      assertThatThrownBy(() -> commit(snapshots, "a"))
          .isInstanceOf(SnapshotException.FailedPrecondition.class);
      prepare(snapshots, "after");
      commit(snapshots, "after");
    }
  }

  private static void prepare(Snapshotter snapshots, String key) throws IOException {
    Path own = Path.of(snapshots.prepare(key, "", NO_LABELS).getFirst().source());
    Files.writeString(own.resolve("file"), "content of " + key);
  }

  private static void commit(Snapshotter snapshots, String key) {
    snapshots.commit("layer of " + key, key, "", NO_LABELS);
  }
}
