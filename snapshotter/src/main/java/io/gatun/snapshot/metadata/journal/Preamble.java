package io.gatun.snapshot.metadata.journal;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * The start of every file here except the index.
 *
 * <pre>
 *    0               4               8
 *    +---------------+---------------+
 *  0 | magic, eight letters          |
 *    +---------------+---------------+
 *  8 | version       | crc32c        |   of the whole block, with this field as 0
 *    +---------------+---------------+
 * 16 | content                       |
 * </pre>
 *
 * <p>Numbers are big-endian. Later versions keep these sixteen bytes, which lets an earlier Gatun
 * recognise a file that it must not touch. An unknown version number is damage if the checksum
 * matches with the expected number, or if the number is out of range.
 */
public final class Preamble {

  public static final int BYTES = 16;
  static final int VERSION_OFFSET = 8;

  private static final int CHECKSUM_OFFSET = 12;
  private static final int VERSION_MAX = 0xffff;

  private Preamble() {}

  /** The result of checking a block. */
  public sealed interface State {

    record Intact() implements State {}

    /** Another version wrote it. */
    record OtherVersion(int version) implements State {}

    record Damaged(int offset, String sentence) implements State {}
  }

  /** Completes a block with magic, version and checksum. */
  public static void seal(ByteBuffer block, long magic, int version) {
    block.putLong(0, magic).putInt(VERSION_OFFSET, version);
    block.putInt(CHECKSUM_OFFSET, checksum(block, version));
  }

  /**
   * Checks a block.
   *
   * @param block the block in the size of this version; shorter if the file is
   * @param what the kind of file, for messages
   */
  public static State check(ByteBuffer block, int bytes, long magic, int version, String what) {
    if (block.limit() < BYTES || block.getLong(0) != magic) {
      return new State.Damaged(0, "this does not begin like a " + what);
    }
    int found = block.getInt(VERSION_OFFSET);
    boolean isIntact =
        block.limit() == bytes && block.getInt(CHECKSUM_OFFSET) == checksum(block, version);
    if (found == version) {
      return isIntact
          ? new State.Intact()
          : new State.Damaged(
              0, "the checksum of the first %d bytes does not match".formatted(bytes));
    }
    return isIntact || found <= 0 || found > VERSION_MAX
        ? new State.Damaged(VERSION_OFFSET, "the version number %d is damaged".formatted(found))
        : new State.OtherVersion(found);
  }

  private static int checksum(ByteBuffer block, int version) {
    ByteBuffer copy = ByteBuffer.allocate(block.limit()).put(block.duplicate().rewind());
    copy.putInt(VERSION_OFFSET, version).putInt(CHECKSUM_OFFSET, 0);
    CRC32C crc = new CRC32C();
    crc.update(copy.rewind());
    return (int) crc.getValue();
  }
}
