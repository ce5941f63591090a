package io.gatun.snapshot.metadata.journal;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * How a journal and a checkpoint begin.
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
 * <p>The header has a block of its own, because it is never written again, while the block that
 * holds the end of the last frame is. Numbers are big endian.
 *
 * @param kind what the file is
 * @param store random, and the same in all files of a store, so that none of another is taken for
 *     one of this
 * @param generation the number in its name; a journal and the checkpoint that it follows have the
 *     same
 * @param firstSequence the sequence number of the first frame of the journal. It is also where the
 *     journal of the generation before ended, whatever lies behind that in it
 * @param salt random. It goes into the checksum of every frame, so that no frame of another file is
 *     taken for one of this, and nobody can make a label that looks like a frame
 */
public record FileHeader(Kind kind, long store, long generation, long firstSequence, long salt) {

  /** Where the frames begin. */
  public static final int BYTES = 4096;

  static final int VERSION = 1;

  public static final int STORE_OFFSET = 16;
  public static final int GENERATION_OFFSET = 24;

  /** What begins with such a header. */
  public enum Kind {
    JOURNAL("GATUNJNL"),
    CHECKPOINT("GATUNCKP");

    private final long magic;

    Kind(String magic) {
      this.magic = Magic.of(magic);
    }

    /** {@return what begins with this block, going by the first letters} */
    public static Optional<Kind> of(ByteBuffer block) {
      return Arrays.stream(values())
          .filter(kind -> block.remaining() >= Long.BYTES && block.getLong(0) == kind.magic)
          .findFirst();
    }

    /** {@return the name of such a file} */
    String fileName(long generation) {
      return switch (this) {
        case JOURNAL -> MetadataFile.journal(generation);
        case CHECKPOINT -> MetadataFile.checkpoint(generation);
      };
    }
  }

  /** {@return the name of the file that this is the header of} */
  public String fileName() {
    return kind.fileName(generation);
  }

  /** {@return the header as the first block of a file} */
  ByteBuffer encode() {
    ByteBuffer out = ByteBuffer.allocateDirect(BYTES);
    out.position(Preamble.BYTES);
    out.putLong(store).putLong(generation).putLong(firstSequence).putLong(salt);
    out.rewind();
    Preamble.seal(out, kind.magic, VERSION);
    return out;
  }

  /**
   * {@return the header that this block is}
   *
   * @param file where it is from
   */
  public static FileHeader decode(Kind kind, long generation, String file, ByteBuffer block)
      throws MetadataDamagedException {
    FileHeader header = decode(kind, file, block);
    if (header.generation != generation) {
      throw new MetadataDamagedException(
          Finding.damage(
              file,
              GENERATION_OFFSET,
              "the header is that of %s, so another file is under this name"
                  .formatted(header.fileName())));
    }
    return header;
  }

  /** {@return the header that this block is, of whatever generation} */
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

  /** {@return what a whole block says as a header, whether it has its checksum or not} */
  public static FileHeader seeming(Kind kind, ByteBuffer block) {
    ByteBuffer in = block.slice().position(Preamble.BYTES);
    return new FileHeader(kind, in.getLong(), in.getLong(), in.getLong(), in.getLong());
  }

  /**
   * Makes sure that this is the header of a file of one store.
   *
   * @param other the header of another file of that store
   */
  void requireSameStore(FileHeader other) throws MetadataDamagedException {
    if (store != other.store) {
      throw new MetadataDamagedException(
          Finding.damage(
              fileName(),
              STORE_OFFSET,
              "it is of another store than %s".formatted(other.fileName())));
    }
  }
}
