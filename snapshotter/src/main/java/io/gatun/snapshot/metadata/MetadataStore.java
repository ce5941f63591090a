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
 * The durable store of snapshot records.
 *
 * <p>A change is written to a journal and made durable, together with all others that wait at that
 * moment; then it is applied to an index of Chronicle Maps, which answers all queries; then the
 * method returns. {@link MetadataFile} lists the files; {@link FileHeader}, {@link Frame} and
 * {@link RecordCodec} are the formats; {@link Committer} handles disk failures, and {@link
 * Recovery} crashes.
 *
 * <p>Thread-safe. Methods that change the store can also fail with {@link
 * SnapshotException.StorageFailure} or {@link SnapshotException.ResourceExhausted} if the disk
 * refuses the change, and with {@link SnapshotException.Unavailable} while all changes are refused;
 * in each case nothing was changed. Removals are never refused for lack of space.
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
   * Opens the store in a directory, or creates it there. Acknowledged changes are present; others
   * are present completely or not at all.
   *
   * @param disk the seam for every file change
   * @param directory an existing directory without other users
   * @throws MetadataDamagedException if acknowledged changes may be missing, or a later version of
   *     Gatun wrote the store
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
   * Makes Chronicle register its shutdown hook now rather than when the first map is opened: that
   * fails once shutdown has begun (Runtime.addShutdownHook).
   */
  public static void prepareProcess() {
    var _ = BackgroundResourceReleaser.isOnBackgroundResourceReleaserThread();
  }

  private void start(Closer closer) {
    closer.keep(checkpointer, Checkpointer::close).start();
    closer.keep(committer, Committer::close).start();
  }

  // Reading.

  public Optional<SnapshotRecord> find(String name) {
    return Optional.ofNullable(read(() -> index.find(name)));
  }

  public Optional<SnapshotRecord> find(long id) {
    return Optional.ofNullable(read(() -> index.find(id)));
  }

  /** {@return the number of snapshots whose parent this is} */
  public int children(long id) {
    return Math.toIntExact(read(() -> index.children(id)));
  }

  /** {@return the number of snapshots} */
  public long size() {
    return index.count();
  }

  /**
   * Visits the snapshots in the order of their ids. One that exists during the whole call is
   * visited exactly once, even if it is renamed; one that is added or removed meanwhile may be
   * visited. Nothing is locked while the visitor runs.
   */
  public void forEach(Consumer<SnapshotRecord> visitor) {
    for (long id : read(index::ids)) {
      find(id).ifPresent(visitor);
    }
  }

  /**
   * Checks that a name is free at this moment; {@link #put} checks it again.
   *
   * @throws SnapshotException.AlreadyExists if the name is in use
   */
  public void requireUnused(String name) {
    if (find(name).isPresent()) {
      throw Batch.taken(name);
    }
  }

  /**
   * {@return an id above all ids ever given out} A snapshot directory with this id or a higher one
   * comes from a newer state of the store than this one.
   */
  public long idLimit() {
    return ids.end();
  }

  /**
   * {@return whether a missing snapshot would also be missing after a crash} While the disk fails,
   * a refused change may still have reached it.
   */
  public boolean isJournalTrusted() {
    return committer.isJournalTrusted();
  }

  /** {@return the id that is given out next} */
  public long firstUnusedId() {
    return ids.next();
  }

  /** {@return the first id that no failed sync affected; see {@link Change.SyncFailed}} */
  public long firstTrustedId() {
    return ids.trustedFrom();
  }

  // Writing.

  /** {@return an id that is never given out twice, even after a crash} */
  public long nextId() {
    OptionalLong id = ids.take();
    while (id.isEmpty()) {
      committer.commit(List.of());
      id = ids.take();
    }
    return id.getAsLong();
  }

  /**
   * Adds a snapshot, or replaces the record with the same id. Returns when it is durable.
   *
   * @throws SnapshotException.AlreadyExists if another snapshot has the name
   * @throws SnapshotException.NotFound if the parent does not exist any more
   * @throws SnapshotException.ResourceExhausted if the store holds the maximum number of snapshots
   * @throws SnapshotException.InvalidArgument if the record is too large
   */
  public void put(SnapshotRecord record) {
    apply(List.of(new Change.Put(record)));
  }

  /**
   * Removes a snapshot. Returns when that is durable.
   *
   * @throws SnapshotException.NotFound if no snapshot has this id
   * @throws SnapshotException.FailedPrecondition if it has children
   */
  public void remove(long id) {
    apply(List.of(new Change.Remove(id)));
  }

  /**
   * Makes several changes in this order. They become durable atomically, before the method returns,
   * but readers may see some before the rest.
   *
   * @throws SnapshotException.InvalidArgument if they are too large for one frame
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
   * Finishes the running requests and prepares the files for a quick start. Durability does not
   * depend on it.
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
