package io.gatun.snapshot.metadata.journal;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * The header of a journal or checkpoint.
 *
 * <pre>
 *    0               4               8
 *    +---------------+---------------+
 *  0 | magic: GATUNJNL or GATUNCKP   |
 *    +---------------+---------------+
 *  8 | version, 1    | crc32c        |   of all 4096 bytes, see {@link Preamble}
 *    +---------------+---------------+
 * 16 | store                         |
 *    +-------------------------------+
 * 24 | generation                    |
 *    +-------------------------------+
 * 32 | first sequence                |
 *    +-------------------------------+
 * 40 | salt                          |
 *    +-------------------------------+
 * 48 | zeros, up to 4096             |
 *    +-------------------------------+
 *      frames, see {@link Frame}
 * </pre>
 *
 * <p>The header has its own block: it is never rewritten, unlike the block with the end of the last
 * frame. Numbers are big-endian.
 *
 * @param store random and the same in all files of a store, to detect files of another store
 * @param generation the number in its name; a journal and the checkpoint before it share it
 * @param firstSequence the sequence number of the first frame of the journal. The previous
 *     generation's journal ends before it, whatever frames it still contains
 * @param salt random, part of the checksum of every frame. It prevents a frame of another file, or
 *     a label crafted to look like a frame, from being accepted
 */
public record FileHeader(Kind kind, long store, long generation, long firstSequence, long salt) {

  public static final int BYTES = 4096;

  static final int VERSION = 1;

  public static final int STORE_OFFSET = 16;
  public static final int GENERATION_OFFSET = 24;

  public enum Kind {
    JOURNAL("GATUNJNL"),
    CHECKPOINT("GATUNCKP");

    private final long magic;

    Kind(String magic) {
      this.magic = Magic.of(magic);
    }

    /** {@return the kind that the magic of this block names} */
    public static Optional<Kind> of(ByteBuffer block) {
      return Arrays.stream(values())
          .filter(kind -> block.remaining() >= Long.BYTES && block.getLong(0) == kind.magic)
          .findFirst();
    }

    String fileName(long generation) {
      return switch (this) {
        case JOURNAL -> MetadataFile.journal(generation);
        case CHECKPOINT -> MetadataFile.checkpoint(generation);
      };
    }
  }

  public String fileName() {
    return kind.fileName(generation);
  }

  /** {@return the first block of the file} */
  ByteBuffer encode() {
    ByteBuffer out = ByteBuffer.allocateDirect(BYTES);
    out.position(Preamble.BYTES);
    out.putLong(store).putLong(generation).putLong(firstSequence).putLong(salt);
    out.rewind();
    Preamble.seal(out, kind.magic, VERSION);
    return out;
  }

  /**
   * {@return the header in this block}
   *
   * @param file its file, for messages
   */
  public static FileHeader decode(Kind kind, long generation, String file, ByteBuffer block)
      throws MetadataDamagedException {
    FileHeader header = decode(kind, file, block);
    if (header.generation != generation) {
      throw new MetadataDamagedException(
          Finding.damage(
              file,
              GENERATION_OFFSET,
              "the header is that of %s: another file has this name".formatted(header.fileName())));
    }
    return header;
  }

  /** {@return the header in this block, of any generation} */
  public static FileHeader decode(Kind kind, String file, ByteBuffer block)
      throws MetadataDamagedException {
    ByteBuffer in = block.slice();
    String what = kind.name().toLowerCase(Locale.ROOT);
    switch (Preamble.check(in, BYTES, kind.magic, VERSION, what)) {
      case Preamble.State.Intact _ -> {}
      case Preamble.State.Damaged(int offset, String sentence) ->
          throw new MetadataDamagedException(Finding.damage(file, offset, sentence));
      case Preamble.State.OtherVersion(int version) ->
          throw new MetadataDamagedException(
              Finding.unknownVersion(file, Preamble.VERSION_OFFSET, version, VERSION));
    }
    return seeming(kind, in);
  }

  /** {@return the header fields of a complete block, without checking its checksum} */
  public static FileHeader seeming(Kind kind, ByteBuffer block) {
    ByteBuffer in = block.slice().position(Preamble.BYTES);
    return new FileHeader(kind, in.getLong(), in.getLong(), in.getLong(), in.getLong());
  }

  /**
   * Checks that both files belong to the same store.
   *
   * @param other the header of another file of the expected store
   */
  void requireSameStore(FileHeader other) throws MetadataDamagedException {
    if (store != other.store) {
      throw new MetadataDamagedException(
          Finding.damage(
              fileName(),
              STORE_OFFSET,
              "it belongs to another store than %s".formatted(other.fileName())));
    }
  }
}
