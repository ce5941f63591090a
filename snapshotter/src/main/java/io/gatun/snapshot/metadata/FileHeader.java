package io.gatun.snapshot.metadata;

import java.nio.ByteBuffer;
import java.util.Locale;
import java.util.zip.CRC32C;

/**
 * How a journal and a checkpoint begin.
 *
 * <pre>
 *    0               4               8
 *    +---------------+---------------+
 *  0 | magic: GATUNJNL or GATUNCKP   |
 *    +---------------+---------------+
 *  8 | version, 1    | crc32c of all |   the checksum field taken as 0
 *    +---------------+---------------+
 * 16 | generation                    |
 *    +-------------------------------+
 * 24 | first sequence                |
 *    +-------------------------------+
 * 32 | salt                          |
 *    +-------------------------------+
 * 40 | zeros, up to 4096             |
 *    +-------------------------------+
 *      frames, see {@link Frame}
 * </pre>
 *
 * <p>The header has a block of its own, because it is never written again, while the block that
 * holds the end of the last frame is. Numbers are big endian.
 *
 * @param kind what the file is
 * @param generation the number in its name; a journal and the checkpoint that it follows have the
 *     same
 * @param firstSequence the sequence number of the first frame of the journal. It is also where the
 *     journal of the generation before ended, whatever lies behind that in it
 * @param salt random. It goes into the checksum of every frame, so that no frame of another file is
 *     taken for one of this, and nobody can make a label that looks like a frame
 */
record FileHeader(Kind kind, long generation, long firstSequence, long salt) {

  /** Where the frames begin. */
  static final int BYTES = 4096;

  static final int VERSION = 1;

  private static final int MAGIC_BYTES = 8;
  private static final int CHECKSUM_OFFSET = 12;

  /** What begins with such a header. */
  enum Kind {
    JOURNAL("GATUNJNL"),
    CHECKPOINT("GATUNCKP");

    private final long magic;

    Kind(String magic) {
      this.magic = Magic.of(magic);
    }
  }

  /** {@return the header as the first block of a file} */
  ByteBuffer encode() {
    ByteBuffer out = ByteBuffer.allocateDirect(BYTES);
    out.putLong(kind.magic).putInt(VERSION).putInt(0);
    out.putLong(generation).putLong(firstSequence).putLong(salt);
    out.putInt(CHECKSUM_OFFSET, checksum(out.slice(0, BYTES)));
    return out.rewind();
  }

  /**
   * {@return the header that this block is}
   *
   * @param file where it is from
   */
  static FileHeader decode(Kind kind, long generation, String file, ByteBuffer block)
      throws MetadataDamagedException {
    if (block.remaining() < BYTES) {
      throw damage(
          file, 0, "the file has %d bytes, which is no whole header".formatted(block.remaining()));
    }
    ByteBuffer in = block.slice(block.position(), BYTES);
    if (in.getLong() != kind.magic) {
      throw damage(file, 0, "this does not begin as a " + kind.name().toLowerCase(Locale.ROOT));
    }
    int version = in.getInt();
    if (version != VERSION) {
      throw new MetadataDamagedException(
          Finding.unknownVersion(file, MAGIC_BYTES, version, VERSION));
    }
    int checksum = in.getInt();
    ByteBuffer copy = ByteBuffer.allocate(BYTES).put(in.duplicate().rewind()).rewind();
    copy.putInt(CHECKSUM_OFFSET, 0);
    if (checksum != checksum(copy)) {
      throw damage(file, 0, "the header does not have its checksum");
    }
    FileHeader header = new FileHeader(kind, in.getLong(), in.getLong(), in.getLong());
    if (header.generation != generation) {
      throw damage(
          file,
          MAGIC_BYTES + 2 * Integer.BYTES,
          "the header is that of generation %d, so this is another file under this name"
              .formatted(header.generation));
    }
    return header;
  }

  private static int checksum(ByteBuffer block) {
    CRC32C crc = new CRC32C();
    crc.update(block);
    return (int) crc.getValue();
  }

  private static MetadataDamagedException damage(String file, long offset, String sentence) {
    return new MetadataDamagedException(Finding.damage(file, offset, sentence));
  }
}
