package io.gatun.snapshot.metadata;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.Closer;
import io.gatun.snapshot.metadata.journal.FileHeader;
import io.gatun.snapshot.metadata.journal.Frame;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.Ids;
import io.gatun.snapshot.metadata.journal.MetadataDamagedException;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.metadata.journal.RecordCodec;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import net.openhft.chronicle.core.io.BackgroundResourceReleaser;
import net.openhft.chronicle.hash.ChronicleHashClosedException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which snapshots there are, durably.
 *
 * <p>A change is first written to a journal and made durable there, together with all others that
 * wait at that moment; then it is applied to an index of Chronicle Maps, which answers all
 * questions; then the method returns. {@link MetadataFile} lists the files, {@link FileHeader},
 * {@link Frame} and {@link RecordCodec} are the formats, {@link Committer} says what is done when
 * the disk fails, and {@link Recovery} what is done after a crash.
 *
 * <p>Safe for use by many threads. Besides the failures listed at the methods, those that change
 * something can fail with {@link SnapshotException.StorageFailure} or {@link
 * SnapshotException.ResourceExhausted} if the disk refuses the change, and with {@link
 * SnapshotException.Unavailable} as long as it refuses all; then nothing was changed. Removals are
 * never refused for lack of space.
 */
public final class MetadataStore implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(MetadataStore.class);

  private final Generations generations;
  private final Index index;
  private final Ids ids;
  private final Checkpointer checkpointer;
  private final Committer committer;
  private final AtomicBoolean isClosed = new AtomicBoolean();

  private MetadataStore(Generations generations, Recovery.Recovered recovered) {
    this.generations = generations;
    this.index = recovered.index();
    this.ids = recovered.ids();
    this.checkpointer =
        new Checkpointer(
            generations, index, ids, recovered.checkpoint(), recovered.checkpointBytes());
    this.committer =
        new Committer(
            generations,
            index,
            ids,
            recovered.highWaterMark(),
            checkpointer,
            recovered.journal(),
            recovered.nextSequence());
  }

  /**
   * Opens the store in a directory, or makes one if the directory has none. What was acknowledged
   * is there, and what was not is there wholly or not at all.
   *
   * @param disk what every change of a file goes through
   * @param directory an existing directory that nobody else uses meanwhile
   * @throws MetadataDamagedException if something that was acknowledged may be missing, or a later
   *     version of Gatun wrote it
   * @throws IOException if a file cannot be read or written
   */
  public static MetadataStore open(Disk disk, Path directory, MetadataSettings settings)
      throws IOException, MetadataDamagedException {
    try (Closer closer = new Closer()) {
      Generations generations =
          closer.keep(new Generations(disk, directory, settings), Generations::close);
      MetadataStore store =
          new MetadataStore(generations, new Recovery(generations, closer).recover());
      store.start(closer);
      closer.release();
      return store;
    }
  }

  /**
   * Has Chronicle register what it does when the process ends, as it otherwise does when the first
   * map is opened: once the process has been told to end, that fails (Runtime.addShutdownHook).
   */
  public static void prepareProcess() {
    var _ = BackgroundResourceReleaser.isOnBackgroundResourceReleaserThread();
  }

  private void start(Closer closer) {
    closer.keep(checkpointer, Checkpointer::close).start();
    closer.keep(committer, Committer::close).start();
  }

  // Reading.

  /** {@return the snapshot with this key or name, if there is one} */
  public Optional<SnapshotRecord> find(String name) {
    return Optional.ofNullable(read(() -> index.find(name)));
  }

  /** {@return the snapshot with this id, if there is one} */
  public Optional<SnapshotRecord> find(long id) {
    return Optional.ofNullable(read(() -> index.find(id)));
  }

  /** {@return how many snapshots have this one as their parent} */
  public int children(long id) {
    return Math.toIntExact(read(() -> index.children(id)));
  }

  /** {@return how many snapshots there are} */
  public long size() {
    return index.count();
  }

  /**
   * Visits every snapshot, in the order of their ids. One that is there all the time is visited
   * exactly once, even if it gets another name meanwhile; one that comes or goes meanwhile may be
   * visited. Nothing is locked while the visitor runs.
   */
  public void forEach(Consumer<SnapshotRecord> visitor) {
    for (long id : read(index::ids)) {
      find(id).ifPresent(visitor);
    }
  }

  /**
   * Sees to it that a name is free at this moment. It is checked again when a record with the name
   * is put.
   *
   * @throws SnapshotException.AlreadyExists if it is taken
   */
  public void requireUnused(String name) {
    if (find(name).isPresent()) {
      throw Batch.taken(name);
    }
  }

  /**
   * {@return an id above all that were ever given out} So a directory of a snapshot with this id or
   * a higher one was made by a store that knew more than this one does.
   */
  public long idLimit() {
    return ids.end();
  }

  /**
   * {@return whether a snapshot that is not found would not be found after a crash either} As long
   * as the disk fails, a change that was refused may be on it all the same.
   */
  public boolean isJournalTrusted() {
    return committer.isJournalTrusted();
  }

  /** {@return the id that is given out next} */
  public long firstUnusedId() {
    return ids.next();
  }

  /**
   * {@return the id from which on no snapshot was there when a sync failed; see {@link
   * Change.SyncFailed}}
   */
  public long firstTrustedId() {
    return ids.trustedFrom();
  }

  // Writing.

  /**
   * {@return an id that was never given out and never will be again, whenever the machine stops}
   */
  public long nextId() {
    OptionalLong id = ids.take();
    while (id.isEmpty()) {
      committer.commit(List.of());
      id = ids.take();
    }
    return id.getAsLong();
  }

  /**
   * Adds a snapshot, or replaces what is recorded of the one with this id. Returns when that is
   * durable.
   *
   * @throws SnapshotException.AlreadyExists if another snapshot has the name
   * @throws SnapshotException.NotFound if the parent does not exist any more
   * @throws SnapshotException.ResourceExhausted if there are as many snapshots as there may be
   * @throws SnapshotException.InvalidArgument if the record is too large
   */
  public void put(SnapshotRecord record) {
    apply(List.of(new Change.Put(record)));
  }

  /**
   * Forgets a snapshot. Returns when that is durable.
   *
   * @throws SnapshotException.NotFound if there is none with this id
   * @throws SnapshotException.FailedPrecondition if it has children
   */
  public void remove(long id) {
    apply(List.of(new Change.Remove(id)));
  }

  /**
   * Makes several changes in this order, which become durable all or none. Returns when they are.
   * Others may see some of them before the rest.
   *
   * @throws SnapshotException.InvalidArgument if they are too large to be written at once
   */
  public void apply(List<Change> changes) {
    if (!changes.isEmpty()) {
      committer.commit(changes.stream().map(EncodedChange::of).toList());
    }
  }

  private <T extends @Nullable Object> T read(Supplier<T> question) {
    try {
      return question.get();
    } catch (ChronicleHashClosedException e) {
      throw new SnapshotException.Unavailable("the metadata store is closed", e);
    }
  }

  /**
   * Finishes what was begun, and leaves the files so that the next start is quick. What is durable
   * does not depend on it.
   */
  @Override
  public void close() {
    if (isClosed.getAndSet(true)) {
      return;
    }
    committer.close();
    checkpointer.close();
    boolean isPersistent = index.isPersistent();
    long count = index.count();
    long recordBytes = index.recordBytes();
    index.close();
    OptionalLong end = committer.firstTrustedId();
    try (generations) {
      if (end.isPresent() && isPersistent) {
        CleanShutdownMarker.write(
            generations, committer.store(), end.getAsLong(), ids, count, recordBytes);
      }
    } catch (IOException e) {
      LOG.warn("the next start has to rebuild the index error=\"{}\"", e.getMessage());
    }
  }
}
