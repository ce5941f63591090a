package io.gatun.snapshot.metadata.journal;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * How every file here begins but those of the index.
 *
 * <pre>
 *    0               4               8
 *    +---------------+---------------+
 *  0 | magic, eight letters          |
 *    +---------------+---------------+
 *  8 | version       | crc32c        |   of the whole block, this field taken as 0
 *    +---------------+---------------+
 * 16 | what the file says            |
 * </pre>
 *
 * <p>Numbers are big endian. Later versions keep these sixteen bytes as they are, so that an
 * earlier Gatun can say that it must not touch the file. A version number that it does not know is
 * still damage if the block has its checksum with the number that it should have, or if no version
 * will ever have that number.
 */
public final class Preamble {

  public static final int BYTES = 16;
  static final int VERSION_OFFSET = 8;

  private static final int CHECKSUM_OFFSET = 12;
  private static final int VERSION_MAX = 0xffff;

  private Preamble() {}

  /** What a block turns out to be. */
  public sealed interface State {

    /** All of it is as it was written. */
    record Intact() implements State {}

    /** Another version has written it. */
    record OtherVersion(int version) implements State {}

    /** It is not as it was written. */
    record Damaged(int offset, String sentence) implements State {}
  }

  /** Puts magic, version and checksum into a block that has everything else. */
  public static void seal(ByteBuffer block, long magic, int version) {
    block.putLong(0, magic).putInt(VERSION_OFFSET, version);
    block.putInt(CHECKSUM_OFFSET, checksum(block, version));
  }

  /**
   * {@return what a block is}
   *
   * @param block of the size that it has in this version; as many bytes as there are if the file is
   *     shorter
   * @param what what it should be, to be read by people
   */
  public static State check(ByteBuffer block, int bytes, long magic, int version, String what) {
    if (block.limit() < BYTES || block.getLong(0) != magic) {
      return new State.Damaged(0, "this does not begin as a " + what);
    }
    int found = block.getInt(VERSION_OFFSET);
    boolean isIntact =
        block.limit() == bytes && block.getInt(CHECKSUM_OFFSET) == checksum(block, version);
    if (found == version) {
      return isIntact
          ? new State.Intact()
          : new State.Damaged(0, "the first %d bytes do not have their checksum".formatted(bytes));
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
