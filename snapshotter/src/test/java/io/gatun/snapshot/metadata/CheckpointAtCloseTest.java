package io.gatun.snapshot.metadata;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.disk.ForwardingDisk;
import io.gatun.snapshot.disk.UnsyncedDisk;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A checkpoint reads the index, so the index stays open until the checkpoint is written. */
@Timeout(60)
final class CheckpointAtCloseTest {

  private static final MetadataSettings SETTINGS = new MetadataSettings(64, 64 << 10);
  private static final String CHECKPOINT = "checkpoint-2";

  /** For a close that does not wait to get ahead of the checkpoint. */
  private static final long LEAD_MILLIS = 200;

  @TempDir private Path directory;

  /** Stops where the checkpoint begins, until it may go on. */
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
          throw new IllegalStateException("nobody may interrupt a checkpoint", e);
        }
      }
      return super.createFile(parent, name, mode);
    }
  }

  @Test
  void theStoreWaitsForTheCheckpointThatIsBeingWritten() throws Exception {
    WaitingDisk disk = new WaitingDisk();
    MetadataStore store = MetadataStore.open(disk, directory, SETTINGS);
    SnapshotRecord record = changeUntilACheckpointBegins(store, disk);
    Thread closing = Thread.ofPlatform().start(store::close);
    closing.join(LEAD_MILLIS);
    assertThat(closing.isAlive()).isTrue();
    assertThat(checkpoints()).containsExactly("checkpoint-1");
    disk.mayGoOn.countDown();
    closing.join();
    // It is a later one if another journal was filled before it began.
    assertThat(checkpoints()).singleElement().asString().matches("checkpoint-([2-9]|[1-9][0-9]+)");
    try (MetadataStore next = MetadataStore.open(disk, directory, SETTINGS)) {
      assertThat(Records.all(next)).containsExactly(record);
    }
  }

  /** {@return the files of checkpoints, temporary ones as well} */
  private List<String> checkpoints() {
    return Stream.of(directory.toFile().list())
        .filter(name -> name.startsWith("checkpoint-"))
        .toList();
  }

  private static SnapshotRecord changeUntilACheckpointBegins(
      MetadataStore store, WaitingDisk disk) {
    SnapshotRecord record = Records.active(store.nextId(), "key");
    for (int i = 0; disk.begun.getCount() > 0; i++) {
      assertThat(i).as("changes without a checkpoint").isLessThan(10_000);
      record = Records.with(record, Map.of("label", "x".repeat(4_000)), i);
      store.put(record);
    }
    return record;
  }
}
