package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.disk.Disk;
import java.nio.ByteBuffer;
import java.util.OptionalLong;
import java.util.zip.CRC32C;

/**
 * The file that says which batch somebody was told is durable.
 *
 * <pre>
 *    0               4               8
 *    +---------------+---------------+
 *  0 | magic: GATUNACK               |
 *    +---------------+---------------+
 *  8 | version, 1    | crc32c of all |   the checksum field taken as 0
 *    +---------------+---------------+
 * 16 | sequence                      |
 *    +-------------------------------+
 * </pre>
 *
 * <p>A journal alone cannot tell a last batch that was never written whole from one that was
 * acknowledged and damaged since; both end in rubbish or zeros. So after each fdatasync(2) of the
 * journal, and before anybody is told, the sequence number is written here. It is not synced: after
 * a power cut it may be an older one, which only makes it say less, and never one that the journal
 * does not have. A journal that ends before this is damaged.
 */
final class Acknowledged implements AutoCloseable {

  private static final long MAGIC = Magic.of("GATUNACK");
  private static final int VERSION = 1;
  private static final int BYTES = 24;
  private static final int VERSION_OFFSET = 8;
  private static final int CHECKSUM_OFFSET = 12;
  private static final int SEQUENCE_OFFSET = 16;

  private final Disk disk;
  private final Fd file;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(BYTES);

  private Acknowledged(Disk disk, Fd file) {
    this.disk = disk;
    this.file = file;
  }

  /** {@return the file, made anew} */
  static Acknowledged create(Disk disk, Fd directory, long sequence) throws ErrnoException {
    DurableFile.replace(
        disk,
        directory,
        MetadataFile.ACKNOWLEDGED,
        encode(ByteBuffer.allocateDirect(BYTES), sequence));
    return new Acknowledged(disk, DurableFile.open(directory, MetadataFile.ACKNOWLEDGED));
  }

  /**
   * {@return the batch that the journal must reach at least; nothing if the file is damaged}
   *
   * @throws MetadataDamagedException if it is of a later version
   */
  static OptionalLong read(Fd directory) throws ErrnoException, MetadataDamagedException {
    try (FileWindow file = FileWindow.open(directory, MetadataFile.ACKNOWLEDGED)) {
      ByteBuffer in = ByteBuffer.allocate(BYTES);
      ByteBuffer content = file.at(0, BYTES);
      if (content.remaining() < BYTES) {
        return OptionalLong.empty();
      }
      in.put(content).flip();
      int version = in.getInt(VERSION_OFFSET);
      int checksum = in.getInt(CHECKSUM_OFFSET);
      in.putInt(CHECKSUM_OFFSET, 0);
      if (in.getLong(0) != MAGIC || checksum != checksum(in)) {
        return OptionalLong.empty();
      }
      if (version != VERSION) {
        throw new MetadataDamagedException(
            Finding.unknownVersion(MetadataFile.ACKNOWLEDGED, VERSION_OFFSET, version, VERSION));
      }
      return OptionalLong.of(in.getLong(SEQUENCE_OFFSET));
    }
  }

  void write(long sequence) throws ErrnoException {
    DurableFile.write(disk, file, encode(buffer, sequence), 0);
  }

  private static ByteBuffer encode(ByteBuffer out, long sequence) {
    out.clear().putLong(MAGIC).putInt(VERSION).putInt(0).putLong(sequence).flip();
    return out.putInt(CHECKSUM_OFFSET, checksum(out));
  }

  private static int checksum(ByteBuffer content) {
    CRC32C crc = new CRC32C();
    crc.update(content.slice(0, BYTES));
    return (int) crc.getValue();
  }

  @Override
  public void close() {
    file.close();
  }
}
