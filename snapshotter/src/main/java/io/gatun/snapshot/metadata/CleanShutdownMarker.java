package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.metadata.journal.DurableFile;
import io.gatun.snapshot.metadata.journal.FileHeader;
import io.gatun.snapshot.metadata.journal.FileWindow;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.HighWaterMark;
import io.gatun.snapshot.metadata.journal.Ids;
import io.gatun.snapshot.metadata.journal.Magic;
import io.gatun.snapshot.metadata.journal.MetadataDamagedException;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import io.gatun.snapshot.metadata.journal.Preamble;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * Written by a clean stop to let the next start use the index files as they are.
 *
 * <pre>
 *    0               4               8
 *    +---------------+---------------+
 *  0 | magic: GATUNCLN               |
 *    +---------------+---------------+
 *  8 | version, 1    | crc32c        |   of all 120 bytes, see {@link Preamble}
 *    +---------------+---------------+
 * 16 | store                         |   as in {@link FileHeader}
 *    +-------------------------------+
 * 24 | next sequence                 |   of the journal, when it stopped
 *    +-------------------------------+
 * 32 | end of reserved ids           |
 *    +-------------------------------+
 * 40 | records                       |
 *    +-------------------------------+
 * 48 | bytes of all records          |
 *    +-------------------------------+
 * 56 | first trusted id              |   see {@link Change.SyncFailed}
 *    +---------------+---------------+
 * 64 | index version | entriesMax    |   what the index was built for
 *    +---------------+---------------+
 * 72 | bytes of records.index        |   then the same two for names.index and children.index
 *    +-------------------------------+
 * 80 | crc32c of records.index       |
 *    +-------------------------------+
 * </pre>
 *
 * <p>The marker is written once the index files are durable, and durably removed before the first
 * change. If it does not match the files, or another version wrote it, the index is rebuilt from
 * checkpoint and journal. It also gives the minimum length of the journal.
 */
public record CleanShutdownMarker(
    long store,
    long nextSequence,
    long idLimit,
    long count,
    long recordBytes,
    long trustedFrom,
    int indexVersion,
    int entriesMax,
    List<FileSum> files) {

  /** The size and the checksum of one file of the index. */
  record FileSum(long sizeBytes, long checksum) {}

  private static final long MAGIC = Magic.of("GATUNCLN");
  private static final int VERSION = 1;

  /** Incremented when the layout of the maps changes. */
  private static final int INDEX_VERSION = 1;

  private static final int BYTES = 72 + 3 * 16;
  private static final int SUM_CHUNK_BYTES = 1 << 20;

  public CleanShutdownMarker {
    files = List.copyOf(files);
  }

  /** Syncs the files of a closed index, then writes the marker. */
  static void write(
      Generations generations, long store, long nextSequence, Ids ids, long count, long recordBytes)
      throws IOException {
    Disk disk = generations.disk();
    Fd directory = generations.directory();
    for (String name : MetadataFile.INDEX_FILES) {
      try (Fd file = DurableFile.open(directory, name)) {
        disk.sync(file);
      }
    }
    CleanShutdownMarker marker =
        new CleanShutdownMarker(
            store,
            nextSequence,
            ids.end(),
            count,
            recordBytes,
            ids.trustedFrom(),
            INDEX_VERSION,
            generations.settings().entriesMax(),
            sums(directory));
    DurableFile.replace(disk, directory, MetadataFile.CLEAN, marker.encode());
  }

  /** {@return the marker, if it is intact and of this version} */
  public static Optional<CleanShutdownMarker> read(Fd directory)
      throws ErrnoException, MetadataDamagedException {
    try (FileWindow file = FileWindow.open(directory, MetadataFile.CLEAN)) {
      ByteBuffer in = file.at(0, BYTES);
      return switch (Preamble.check(in, BYTES, MAGIC, VERSION, "marker")) {
        case Preamble.State.Intact _ -> Optional.of(decode(in.position(Preamble.BYTES)));
        case Preamble.State.Damaged _, Preamble.State.OtherVersion _ -> Optional.empty();
      };
    }
  }

  /** {@return whether the index files are usable and exactly those that the stop left} */
  public boolean matches(Fd directory) throws ErrnoException, MetadataDamagedException {
    return indexVersion == INDEX_VERSION && files.equals(sums(directory));
  }

  /** {@return whether the mark shows no acknowledgment after the stop} */
  public boolean covers(HighWaterMark.Mark mark) {
    return mark.store() == store && mark.sequence() < nextSequence;
  }

  private ByteBuffer encode() {
    ByteBuffer out = ByteBuffer.allocateDirect(BYTES);
    out.position(Preamble.BYTES);
    out.putLong(store).putLong(nextSequence).putLong(idLimit).putLong(count).putLong(recordBytes);
    out.putLong(trustedFrom);
    out.putInt(indexVersion).putInt(entriesMax);
    files.forEach(file -> out.putLong(file.sizeBytes).putLong(file.checksum));
    out.flip();
    Preamble.seal(out, MAGIC, VERSION);
    return out;
  }

  private static CleanShutdownMarker decode(ByteBuffer in) {
    long store = in.getLong();
    long nextSequence = in.getLong();
    long idLimit = in.getLong();
    long count = in.getLong();
    long recordBytes = in.getLong();
    long trustedFrom = in.getLong();
    int indexVersion = in.getInt();
    int entriesMax = in.getInt();
    List<FileSum> sums = new ArrayList<>();
    for (int i = 0; i < MetadataFile.INDEX_FILES.size(); i++) {
      sums.add(new FileSum(in.getLong(), in.getLong()));
    }
    return new CleanShutdownMarker(
        store,
        nextSequence,
        idLimit,
        count,
        recordBytes,
        trustedFrom,
        indexVersion,
        entriesMax,
        sums);
  }

  private static List<FileSum> sums(Fd directory) throws ErrnoException, MetadataDamagedException {
    List<FileSum> sums = new ArrayList<>();
    for (String name : MetadataFile.INDEX_FILES) {
      try (FileWindow file = FileWindow.open(directory, name)) {
        CRC32C crc = new CRC32C();
        long offset = 0;
        while (offset < file.sizeBytes()) {
          ByteBuffer chunk = file.at(offset, SUM_CHUNK_BYTES);
          if (!chunk.hasRemaining()) {
            break;
          }
          offset += chunk.remaining();
          crc.update(chunk);
        }
        sums.add(new FileSum(file.sizeBytes(), crc.getValue()));
      }
    }
    return sums;
  }
}
