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
 * What is found by id, by name and by parent without reading the journal: three Chronicle Maps.
 *
 * <pre>
 *   records.index    id                -> record, as RecordCodec has it
 *   names.index      name in UTF-8     -> id
 *   children.index   id of a parent    -> how many have it as their parent, if any
 * </pre>
 *
 * <p>The maps are memory that happens to be a file. The kernel writes it back when it likes, so
 * after a crash nothing in them can be trusted; then they are made anew. One thread writes, any may
 * read. Each change becomes visible at once and whole with the record itself: a name counts only if
 * the record it leads to has that name.
 */
public final class Index implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Index.class);

  static {
    ChroniclePosix.install();
  }

  /**
   * Names, times and half a dozen labels; measured with images pulled by containerd's CRI plugin.
   */
  private static final double RECORD_BYTES_AVERAGE = 640;

  /** {@code k8s.io/17/sha256:} and 64 digits, and some keys of containers. */
  private static final double NAME_BYTES_AVERAGE = 110;

  /**
   * So that a reader and the writer seldom meet, and segments stay large enough for large records.
   */
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
   * {@return an empty index in new files, which take all the disk they will ever need}
   *
   * <p>A daemon has to start on a full disk as well, to serve reads and to remove. What finds no
   * place in a file is in memory alone then.
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
              // Chronicle would make it with the mode that the umask happens to give.
              try (Fd made =
                  disk.createFile(directory, MetadataFile.path(file), DurableFile.MODE)) {
                // What has no blocks when a page is written to is a SIGBUS; btrfs looks for other
                // blocks each time, and needs none since Linux 6.16 if it may not copy.
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

  /** {@return the index that a clean stop has left} */
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

  /** Makes a map of a builder. */
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
        // The store closes them, after what is in flight; a hook of the library would not wait.
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

  /** {@return what all records take together, as they are encoded} */
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

  /** {@return the record that has this name at this moment} */
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
    // The name of a record that is being renamed leads to it before and after; what it says itself
    // counts.
    return record.name().equals(name) ? record : null;
  }

  public long children(long id) {
    Long children = this.children.get(id);
    return children == null ? NONE : children;
  }

  /**
   * {@return the ids of all records, ascending; each that is there during the whole call is in it}
   */
  public long[] ids() {
    LongList ids = new LongList(count.get());
    records.forEachKey(ids::add);
    return ids.sortedAndDistinct();
  }

  /**
   * Writes the checkpoint that belongs to a journal. Changes may go on: all of them are in that
   * journal or a later one, and doing them again makes no difference.
   *
   * @param ids asked at the beginning
   * @return how large it is
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

  /** A batch may have given the name to another record already. */
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

  // Filling, before anybody reads. Records come as they were written, and names and children at the
  // end, since
  // a checkpoint may have caught a record before and another after a change that moved a name
  // between them.

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

  /** {@return what contradicts itself, if anything does, once all records have been loaded} */
  Optional<String> link() {
    for (long id : ids()) {
      SnapshotRecord record = find(id);
      if (record == null) {
        return Optional.of("record %d was loaded and is not in the index".formatted(id));
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

  /** {@return whether all of it lies in the files, so that they may be used after a clean stop} */
  boolean isPersistent() {
    return records.isPersistent() && names.isPersistent() && children.isPersistent();
  }

  /** {@return the keys of the children index} */
  public long[] parents() {
    LongList parents = new LongList(count.get());
    children.forEachKey(parents::add);
    return parents.sortedAndDistinct();
  }

  /** {@return how many names there are} */
  public long nameCount() {
    long[] names = {0};
    this.names.forEachKey(name -> names[0]++);
    return names[0];
  }

  /** {@return the id that a name leads to} */
  public @Nullable Long idOf(byte[] name) {
    return names.get(name);
  }

  private static SnapshotRecord decoded(byte[] encoding) {
    try {
      return RecordCodec.decode(encoding);
    } catch (MalformedException e) {
      // Every encoding was checked when it came in, so the memory of the map was changed behind our
      // back.
      throw new IllegalStateException(
          "the index holds bytes that are no record: " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    records.close();
    names.close();
    children.close();
  }
}
