package io.gatun.snapshot.metadata.journal;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.fault.QuietLogs;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.Records;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An unexpected failure of one checkpoint does not prevent later ones. */
@Timeout(60)
@ExtendWith(QuietLogs.class)
final class CheckpointFailureTest {

  private static final MetadataSettings SETTINGS = new MetadataSettings(64, 64 << 10);
  private static final String FIRST = "checkpoint-2";
  private static final String LATER = "checkpoint-3";
  private static final long POLL_MILLIS = 5;

  @TempDir private Path directory;

  enum Surprise {
    BUG,
    NO_MEMORY;

    private void come() {
      switch (this) {
        case BUG -> throw new IllegalStateException("a bug");
        case NO_MEMORY -> throw new OutOfMemoryError("as if");
      }
    }
  }

  /** Throws once, at the start of a checkpoint. */
  private static final class SurprisingDisk extends ForwardingDisk {
    private final AtomicReference<Surprise> next;

    SurprisingDisk(Surprise surprise) {
      super(new UnsyncedDisk());
      this.next = new AtomicReference<>(surprise);
    }

    @Override
    public Fd createFile(Fd parent, LinuxPath name, int mode) throws ErrnoException {
      if (name.toString().startsWith(FIRST)) {
        Surprise surprise = next.getAndSet(null);
        if (surprise != null) {
          surprise.come();
        }
      }
      return super.createFile(parent, name, mode);
    }

    boolean hasSurprised() {
      return next.get() == null;
    }
  }

  @ParameterizedTest
  @EnumSource
  void theNextCheckpointIsWrittenAllTheSame(Surprise surprise) throws Exception {
    SurprisingDisk disk = new SurprisingDisk(surprise);
    SnapshotRecord record;
    try (MetadataStore store = MetadataStore.open(disk, directory, SETTINGS)) {
      record = Records.active(store.nextId(), "key");
      record = Records.changeUntilItExists(directory.resolve("journal-2"), store, record);
      while (!disk.hasSurprised()) {
        Thread.sleep(POLL_MILLIS);
      }
      record = Records.changeUntilItExists(directory.resolve("journal-3"), store, record);
      while (!Files.exists(directory.resolve(LATER))) {
        Thread.sleep(POLL_MILLIS);
      }
      assertThat(directory.resolve(FIRST)).doesNotExist();
    }
    Files.delete(directory.resolve(MetadataFile.CLEAN));
    try (MetadataStore next = MetadataStore.open(disk, directory, SETTINGS)) {
      assertThat(Records.all(next)).containsExactly(record);
    }
  }
}
