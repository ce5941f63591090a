package io.gatun.snapshot.metadata;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A checkpoint reads the index, so the index stays open until the checkpoint is written. */
@Timeout(60)
final class CheckpointAtCloseTest {

  private static final MetadataSettings SETTINGS = new MetadataSettings(64, 64 << 10);
  private static final String CHECKPOINT = "checkpoint-2";

  /** Gives a close that does not wait the time to overtake the checkpoint. */
  private static final long LEAD_MILLIS = 200;

  @TempDir private Path directory;

  /** Blocks a thread until it is closed. */
  @FunctionalInterface
  private interface Hold extends AutoCloseable {
    @Override
    void close();
  }

  /** Blocks at the start of a checkpoint until released. */
  private static final class WaitingDisk extends ForwardingDisk {
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch mayGoOn = new CountDownLatch(1);

    WaitingDisk() {
      super(new UnsyncedDisk());
    }

    @Override
    public Fd createFile(Fd parent, LinuxPath name, int mode) throws ErrnoException {
      if (name.toString().startsWith(CHECKPOINT)) {
        begun.countDown();
        try {
          mayGoOn.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException("the checkpoint was interrupted", e);
        }
      }
      return super.createFile(parent, name, mode);
    }
  }

  @Test
  void theStoreWaitsForTheCheckpointThatIsBeingWritten() throws Exception {
    WaitingDisk disk = new WaitingDisk();
    SnapshotRecord record;
    // Even after a failed assertion, the checkpoint continues and the store is closed.
    try (ExecutorService closer = Executors.newSingleThreadExecutor();
        MetadataStore store = MetadataStore.open(disk, directory, SETTINGS);
        Hold _ = disk.mayGoOn::countDown) {
      record = Records.active(store.nextId(), "key");
      record = Records.changeUntilItExists(directory.resolve("journal-2"), store, record);
      disk.begun.await();
      Future<?> closing = closer.submit(store::close);
      assertThatThrownBy(() -> closing.get(LEAD_MILLIS, TimeUnit.MILLISECONDS))
          .isInstanceOf(TimeoutException.class);
      assertThat(checkpoints()).containsExactly("checkpoint-1");
    }
    assertThat(checkpoints()).containsExactly(CHECKPOINT);
    try (MetadataStore next = MetadataStore.open(disk, directory, SETTINGS)) {
      assertThat(Records.all(next)).containsExactly(record);
    }
  }

  /** {@return the checkpoint files, including temporary ones} */
  private List<String> checkpoints() {
    return Stream.of(directory.toFile().list())
        .filter(name -> name.startsWith("checkpoint-"))
        .toList();
  }
}
