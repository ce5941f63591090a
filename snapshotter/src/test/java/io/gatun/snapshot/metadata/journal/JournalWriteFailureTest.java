package io.gatun.snapshot.metadata.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.fault.QuietLogs;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.Records;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A disk failure during the write of a frame may have lost earlier frames. */
@Timeout(60)
@ExtendWith(QuietLogs.class)
final class JournalWriteFailureTest {

  private static final MetadataSettings SETTINGS = new MetadataSettings(64, 64 << 10);
  private static final String JOURNAL = "journal-1";

  @TempDir private Path directory;

  /** Fails in the next write to the first journal. */
  private static final class FailingDisk extends ForwardingDisk {
    private final AtomicReference<@Nullable Errno> next = new AtomicReference<>();

    FailingDisk() {
      super(new UnsyncedDisk());
    }

    void failNext(Errno errno) {
      next.set(errno);
    }

    boolean hasFailed() {
      return next.get() == null;
    }

    @Override
    public int write(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
      Errno errno = isFirstJournal(file) ? next.getAndSet(null) : null;
      if (errno != null) {
        throw new ErrnoException("pwrite", errno, LinuxPath.of(JOURNAL));
      }
      return super.write(file, buffer, offset);
    }
  }

  private static boolean isFirstJournal(Fd file) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/" + file.number())).endsWith(JOURNAL);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void assumeDirectWrites() throws ErrnoException {
    try (Fd parent =
        Fcntl.openat(
            Fd.CURRENT_DIRECTORY,
            LinuxPath.of(directory),
            OpenFlag.READ_ONLY,
            OpenFlag.DIRECTORY)) {
      Optional<DirectBlocks> direct =
          DirectBlocks.open(new UnsyncedDisk(), parent, JOURNAL, SETTINGS.journalBytes());
      assumeThat(direct).as("O_DIRECT in the directory for temporary files").isPresent();
      direct.orElseThrow().close();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"EIO", "ENODATA", "ETIMEDOUT"})
  void allIsWrittenToNewFilesIfTheDiskFails(Errno errno) throws Exception {
    FailingDisk disk = new FailingDisk();
    SnapshotRecord before;
    SnapshotRecord after;
    try (MetadataStore store = MetadataStore.open(disk, directory, SETTINGS)) {
      assumeDirectWrites();
      before = Records.active(store.nextId(), "before");
      store.put(before);
      disk.failNext(errno);
      after = Records.active(store.nextId(), "after");
      store.put(after);
      assertThat(disk.hasFailed()).isTrue();
      assertThat(store.isJournalTrusted()).isTrue();
      assertThat(directory.resolve("checkpoint-2")).exists();
      assertThat(directory.resolve("journal-2")).exists();
    }
    // Acknowledged changes do not depend on the journal that failed.
    Files.deleteIfExists(directory.resolve(JOURNAL));
    try (MetadataStore store = MetadataStore.open(new UnsyncedDisk(), directory, SETTINGS)) {
      assertThat(store.find("before")).contains(before);
      assertThat(store.find("after")).contains(after);
    }
  }

  @Test
  void theJournalGoesOnIfTheKernelRefusesAWrite() throws Exception {
    FailingDisk disk = new FailingDisk();
    try (MetadataStore store = MetadataStore.open(disk, directory, SETTINGS)) {
      SnapshotRecord refused = Records.active(store.nextId(), "refused");
      disk.failNext(Errno.ENOSPC);
      assertThatThrownBy(() -> store.put(refused))
          .isInstanceOf(SnapshotException.ResourceExhausted.class)
          .hasMessageContaining("ENOSPC");
      assertThat(disk.hasFailed()).isTrue();
      assertThat(store.find("refused")).isEmpty();
      store.put(refused);
      assertThat(store.find("refused")).contains(refused);
      assertThat(directory.resolve("journal-2")).doesNotExist();
    }
  }
}
