package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.journal.CheckpointWriter;
import io.gatun.snapshot.metadata.journal.DurableFile;
import io.gatun.snapshot.metadata.journal.FileHeader;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.Ids;
import io.gatun.snapshot.metadata.journal.MalformedException;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import io.gatun.snapshot.metadata.journal.RecordCodec;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import net.openhft.chronicle.map.ChronicleMapBuilder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds records by id, name and parent: three Chronicle Maps.
 *
 * <pre>
 *   records.index    id                -> record, encoded by RecordCodec
 *   names.index      name in UTF-8     -> id
 *   children.index   id of a parent    -> number of children, if any
 * </pre>
 *
 * <p>The maps are memory-mapped files that the kernel writes back at any time. After a crash they
 * cannot be trusted and are rebuilt. One thread writes, any thread may read. A change becomes
 * visible atomically with its record: a name is valid only if the record it points to has that
 * name.
 */
public final class Index implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Index.class);

  static {
    ChroniclePosix.install();
  }

  /** Names, times and about six labels; measured with images pulled by containerd's CRI plugin. */
  private static final double RECORD_BYTES_AVERAGE = 640;

  /** {@code k8s.io/17/sha256:} and 64 digits, averaged with the shorter keys of containers. */
  private static final double NAME_BYTES_AVERAGE = 110;

  /** Few enough entries for readers and the writer to meet seldom, and enough for large records. */
  private static final int SEGMENT_ENTRIES = 2_048;

  private static final int SEGMENTS_MAX = 64;

  /** A small map has too little room for a large record. */
  private static final int ENTRIES_MIN = SEGMENT_ENTRIES;

  private static final long NONE = 0;

  private final MapFile<Long, byte[]> records;
  private final MapFile<byte[], Long> names;
  private final MapFile<Long, Long> children;
  private final AtomicLong count = new AtomicLong();
  private final AtomicLong recordBytes = new AtomicLong();

  private Index(
      MapFile<Long, byte[]> records, MapFile<byte[], Long> names, MapFile<Long, Long> children) {
    this.records = records;
    this.names = names;
    this.children = children;
  }

  /**
   * {@return an empty index in new, fully allocated files}
   *
   * <p>The daemon must also start on a full disk, to serve reads and removals. A map whose file
   * cannot be allocated is kept in memory.
   */
  static Index create(Disk disk, Fd directory, Path path, int entriesMax) throws IOException {
    for (String file : MetadataFile.INDEX_FILES) {
      DurableFile.removeIfThere(disk, directory, file);
    }
    return map(
        new Maker() {
          @Override
          public <K, V> MapFile<K, V> make(
              ChronicleMapBuilder<K, V> builder, String file, Function<K, Object> identity)
              throws IOException {
            try {
              // Chronicle would create it with the mode that the umask gives.
              try (Fd made =
                  disk.createFile(directory, MetadataFile.path(file), DurableFile.MODE)) {
                // Writing to a page without blocks causes a SIGBUS. btrfs allocates new blocks for
                // each write unless copy-on-write is off (since Linux 6.16).
                DurableFile.overwriteInPlace(disk, made);
              }
              return MapFile.inFile(
                  builder.createPersistedTo(path.resolve(file).toFile()), identity);
            } catch (IOException e) {
              LOG.warn(
                  "part of the index stays in memory until the next start file={} error=\"{}\"",
                  file,
                  e.getMessage());
              DurableFile.removeIfThere(disk, directory, file);
              return MapFile.inMemory(builder.create(), identity);
            }
          }
        },
        entriesMax);
  }

  /** {@return the index that a clean stop left} */
  public static Index open(Path path, int entriesMax, long count, long recordBytes)
      throws IOException {
    Index index =
        map(
            new Maker() {
              @Override
              public <K, V> MapFile<K, V> make(
                  ChronicleMapBuilder<K, V> builder, String file, Function<K, Object> identity)
                  throws IOException {
                return MapFile.inFile(
                    builder.createPersistedTo(path.resolve(file).toFile()), identity);
              }
            },
            entriesMax);
    index.count.set(count);
    index.recordBytes.set(recordBytes);
    return index;
  }

  private interface Maker {

    <K, V> MapFile<K, V> make(
        ChronicleMapBuilder<K, V> builder, String file, Function<K, Object> identity)
        throws IOException;
  }

  private static Index map(Maker work, int entriesMax) throws IOException {
    MapFile<Long, byte[]> records = null;
    MapFile<byte[], Long> names = null;
    boolean isComplete = false;
    try {
      records =
          work.make(
              sized(
                      ChronicleMapBuilder.of(Long.class, byte[].class),
                      MetadataFile.INDEX_RECORDS,
                      entriesMax)
                  .averageValueSize(RECORD_BYTES_AVERAGE),
              MetadataFile.INDEX_RECORDS,
              id -> id);
      names =
          work.make(
              sized(
                      ChronicleMapBuilder.of(byte[].class, Long.class),
                      MetadataFile.INDEX_NAMES,
                      entriesMax)
                  .averageKeySize(NAME_BYTES_AVERAGE),
              MetadataFile.INDEX_NAMES,
              ByteBuffer::wrap);
      MapFile<Long, Long> children =
          work.make(
              sized(
                  ChronicleMapBuilder.of(Long.class, Long.class),
                  MetadataFile.INDEX_CHILDREN,
                  entriesMax),
              MetadataFile.INDEX_CHILDREN,
              id -> id);
      isComplete = true;
      return new Index(records, names, children);
    } finally {
      if (!isComplete) {
        closeIfThere(names);
        closeIfThere(records);
      }
    }
  }

  private static <K, V> ChronicleMapBuilder<K, V> sized(
      ChronicleMapBuilder<K, V> builder, String name, int entriesMax) {
    int entries = Math.max(ENTRIES_MIN, entriesMax);
    return builder
        .name(name)
        .entries(entries)
        .actualSegments(
            Math.clamp(Integer.highestOneBit(entries / SEGMENT_ENTRIES), 1, SEGMENTS_MAX))
        .allowSegmentTiering(false)
        // The store closes the maps after the requests in flight; the library's hook would not
        // wait.
        .skipCloseOnExitHook(true)
        .checksumEntries(false)
        .putReturnsNull(true)
        .removeReturnsNull(true);
  }

  private static void closeIfThere(@Nullable MapFile<?, ?> mapFile) {
    if (mapFile != null) {
      mapFile.close();
    }
  }

  // Reading.

  public long count() {
    return count.get();
  }

  /** {@return the total encoded size of all records} */
  public long recordBytes() {
    return recordBytes.get();
  }

  public byte @Nullable [] encoding(long id) {
    return records.get(id);
  }

  public @Nullable SnapshotRecord find(long id) {
    byte[] encoding = records.get(id);
    return encoding == null ? null : decoded(encoding);
  }

  public @Nullable SnapshotRecord find(String name) {
    Long id = names.get(RecordCodec.nameBytes(name));
    if (id == null) {
      return null;
    }
    byte[] encoding = records.get(id);
    if (encoding == null) {
      return null;
    }
    SnapshotRecord record = decoded(encoding);
    // During a rename both names point to the record; only the record's own name is valid.
    return record.name().equals(name) ? record : null;
  }

  public long children(long id) {
    Long children = this.children.get(id);
    return children == null ? NONE : children;
  }

  /**
   * {@return the ids of all records, ascending; includes each record that exists during the whole
   * call}
   */
  public long[] ids() {
    LongList ids = new LongList(count.get());
    records.forEachKey(ids::add);
    return ids.sortedAndDistinct();
  }

  /**
   * Writes the checkpoint that belongs to a journal. Changes may continue: they are in that journal
   * or a later one, and replaying them is idempotent.
   *
   * @param ids read at the beginning
   * @return its size in bytes
   */
  long writeCheckpoint(Generations generations, FileHeader journal, Ids ids) throws ErrnoException {
    boolean isPublished = false;
    try (CheckpointWriter writer = generations.checkpoint(journal)) {
      writer.ids(ids.end(), ids.trustedFrom());
      for (long id : ids()) {
        byte[] encoding = encoding(id);
        if (encoding != null) {
          writer.put(encoding);
        }
      }
      long bytes = writer.publish();
      isPublished = true;
      return bytes;
    } finally {
      if (!isPublished) {
        generations.removeUnfinished(MetadataFile.checkpoint(journal.generation()));
      }
    }
  }

  // Writing, by one thread.

  void put(byte[] encoding) {
    SnapshotRecord record = decoded(encoding);
    byte[] name = RecordCodec.nameBytes(record.name());
    byte[] earlier = records.get(record.id());
    SnapshotRecord before = earlier == null ? null : decoded(earlier);
    long parentBefore = before == null ? SnapshotRecord.NO_PARENT : before.parentId();
    if (record.parentId() != parentBefore) {
      count(record.parentId(), 1);
    }
    names.put(name, record.id());
    records.put(record.id(), encoding);
    if (before != null && !before.name().equals(record.name())) {
      removeName(before);
    }
    if (record.parentId() != parentBefore) {
      count(parentBefore, -1);
    }
    recordBytes.addAndGet(encoding.length - (earlier == null ? 0 : earlier.length));
    if (before == null) {
      count.incrementAndGet();
    }
  }

  void remove(long id) {
    byte[] encoding = records.get(id);
    if (encoding == null) {
      return;
    }
    SnapshotRecord record = decoded(encoding);
    records.remove(id);
    removeName(record);
    count(record.parentId(), -1);
    recordBytes.addAndGet(-encoding.length);
    count.decrementAndGet();
  }

  /** Removes the name unless a batch has already given it to another record. */
  private void removeName(SnapshotRecord record) {
    byte[] name = RecordCodec.nameBytes(record.name());
    Long owner = names.get(name);
    if (owner != null && owner == record.id()) {
      names.remove(name);
    }
  }

  private void count(long parent, int change) {
    if (parent == SnapshotRecord.NO_PARENT) {
      return;
    }
    long now = children(parent) + change;
    if (now < 0) {
      throw new IllegalStateException("record " + parent + " would have " + now + " children");
    }
    if (now == NONE) {
      children.remove(parent);
    } else {
      children.put(parent, now);
    }
  }

  // Filling, before the first reader. Names and children are added at the end: a checkpoint may
  // hold one record from before and another from after a change that moved a name between them.

  void load(byte[] encoding) {
    long id = RecordCodec.idOf(encoding);
    byte[] earlier = records.get(id);
    records.put(id, encoding);
    recordBytes.addAndGet(encoding.length - (earlier == null ? 0 : earlier.length));
    if (earlier == null) {
      count.incrementAndGet();
    }
  }

  void unload(long id) {
    byte[] earlier = records.get(id);
    if (earlier != null) {
      records.remove(id);
      recordBytes.addAndGet(-earlier.length);
      count.decrementAndGet();
    }
  }

  /** {@return the first contradiction found after all records are loaded} */
  Optional<String> link() {
    for (long id : ids()) {
      SnapshotRecord record = find(id);
      if (record == null) {
        return Optional.of("record %d was loaded but is not in the index".formatted(id));
      }
      byte[] name = RecordCodec.nameBytes(record.name());
      Long owner = names.get(name);
      if (owner != null) {
        return Optional.of(
            "records %d and %d have the same name %s"
                .formatted(owner, id, RecordCodec.abbreviated(record.name())));
      }
      if (record.parentId() != SnapshotRecord.NO_PARENT && records.get(record.parentId()) == null) {
        return Optional.of(
            "record %d has the parent %d, which does not exist".formatted(id, record.parentId()));
      }
      names.put(name, id);
      count(record.parentId(), 1);
    }
    return Optional.empty();
  }

  /** {@return whether the files hold everything and can be used after a clean stop} */
  boolean isPersistent() {
    return records.isPersistent() && names.isPersistent() && children.isPersistent();
  }

  public long[] parents() {
    LongList parents = new LongList(count.get());
    children.forEachKey(parents::add);
    return parents.sortedAndDistinct();
  }

  public long nameCount() {
    long[] names = {0};
    this.names.forEachKey(name -> names[0]++);
    return names[0];
  }

  public @Nullable Long idOf(byte[] name) {
    return names.get(name);
  }

  private static SnapshotRecord decoded(byte[] encoding) {
    try {
      return RecordCodec.decode(encoding);
    } catch (MalformedException e) {
      // Encodings are checked on entry: the map's memory was overwritten.
      throw new IllegalStateException("the index holds a malformed record: " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    records.close();
    names.close();
    children.close();
  }
}
