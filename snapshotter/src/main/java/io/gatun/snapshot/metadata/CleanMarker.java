package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.disk.Disk;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * What a clean stop leaves behind, so that the next start may use the index as it is.
 *
 * <pre>
 *    0               4               8
 *    +---------------+---------------+
 *  0 | magic: GATUNCLN               |
 *    +---------------+---------------+
 *  8 | version, 1    | crc32c of all |   the checksum field taken as 0
 *    +---------------+---------------+
 * 16 | next sequence                 |   of the journal, when it stopped
 *    +-------------------------------+
 * 24 | end of reserved ids           |
 *    +-------------------------------+
 * 32 | records                       |
 *    +-------------------------------+
 * 40 | bytes of all records          |
 *    +---------------+---------------+
 * 48 | index version | entriesMax    |   what the index was made for
 *    +---------------+---------------+
 * 56 | bytes of records.index        |   then the same two for names.index and children.index
 *    +-------------------------------+
 * 64 | crc32c of records.index       |
 *    +-------------------------------+
 * </pre>
 *
 * <p>It is written when the files of the index are durable, and removed, durably, before the index
 * is opened. If anything about it does not fit, the index is made anew from checkpoint and journal.
 */
record CleanMarker(
    long nextSequence,
    long idsEnd,
    long count,
    long recordBytes,
    int entriesMax,
    List<FileSum> files) {

  /** The size and the checksum of one file of the index. */
  record FileSum(long sizeBytes, long checksum) {}

  private static final long MAGIC = Magic.of("GATUNCLN");
  private static final int VERSION = 1;

  /** Changes when the maps are made in another way. */
  private static final int INDEX_VERSION = 1;

  private static final int BYTES = 56 + 3 * 16;
  private static final int CHECKSUM_OFFSET = 12;
  private static final int SUM_CHUNK_BYTES = 1 << 20;

  CleanMarker {
    files = List.copyOf(files);
  }

  /** Makes the files of a closed index durable, and then says so. */
  static void write(
      Generations generations, long nextSequence, long idsEnd, long count, long recordBytes)
      throws ErrnoException {
    Disk disk = generations.disk();
    Fd directory = generations.directory();
    for (String name : Index.FILES) {
      try (Fd file = DurableFile.open(directory, name)) {
        disk.sync(file);
      }
    }
    CleanMarker marker =
        new CleanMarker(
            nextSequence,
            idsEnd,
            count,
            recordBytes,
            generations.settings().entriesMax(),
            sums(directory));
    DurableFile.replace(disk, directory, MetadataFile.CLEAN, marker.encode());
  }

  /** {@return what is there, if it is whole and of this version} */
  static Optional<CleanMarker> read(Fd directory) throws ErrnoException {
    try (FileWindow file = FileWindow.open(directory, MetadataFile.CLEAN)) {
      ByteBuffer content = file.at(0, BYTES);
      if (content.remaining() < BYTES) {
        return Optional.empty();
      }
      ByteBuffer in = ByteBuffer.allocate(BYTES).put(content).flip();
      int checksum = in.getInt(CHECKSUM_OFFSET);
      in.putInt(CHECKSUM_OFFSET, 0);
      if (in.getLong() != MAGIC || in.getInt() != VERSION || checksum != checksum(in)) {
        return Optional.empty();
      }
      in.getInt();
      long nextSequence = in.getLong();
      long idsEnd = in.getLong();
      long count = in.getLong();
      long recordBytes = in.getLong();
      int indexVersion = in.getInt();
      int entriesMax = in.getInt();
      List<FileSum> sums = new ArrayList<>();
      for (int i = 0; i < Index.FILES.size(); i++) {
        sums.add(new FileSum(in.getLong(), in.getLong()));
      }
      return indexVersion == INDEX_VERSION
          ? Optional.of(new CleanMarker(nextSequence, idsEnd, count, recordBytes, entriesMax, sums))
          : Optional.empty();
    }
  }

  /** {@return whether the files of the index are those that the clean stop left} */
  boolean matches(Fd directory) throws ErrnoException {
    return files.equals(sums(directory));
  }

  private ByteBuffer encode() {
    ByteBuffer out = ByteBuffer.allocateDirect(BYTES);
    out.putLong(MAGIC).putInt(VERSION).putInt(0);
    out.putLong(nextSequence).putLong(idsEnd).putLong(count).putLong(recordBytes);
    out.putInt(INDEX_VERSION).putInt(entriesMax);
    files.forEach(file -> out.putLong(file.sizeBytes).putLong(file.checksum));
    out.flip();
    return out.putInt(CHECKSUM_OFFSET, checksum(out));
  }

  private static int checksum(ByteBuffer content) {
    CRC32C crc = new CRC32C();
    crc.update(content.slice(0, BYTES));
    return (int) crc.getValue();
  }

  private static List<FileSum> sums(Fd directory) throws ErrnoException {
    List<FileSum> sums = new ArrayList<>();
    for (String name : Index.FILES) {
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
