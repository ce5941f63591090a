package io.gatun.snapshot.layer.tar;

import io.gatun.linux.file.Timespec;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A header block. {@link TarNumbers} defines the numbers; texts end at a NUL or fill their field.
 *
 * <pre>
 *     0 name 100     100 mode 8    108 uid 8      116 gid 8     124 size 12    136 mtime 12
 *   148 checksum 8   156 type 1    157 linkname 100
 *   257 magic 6      263 version 2 265 uname 32   297 gname 32  329 major 8    337 minor 8
 *
 *   ustar, pax   magic "ustar\0"                       345 prefix 155
 *   star         the same, and "tar\0" at 508          345 prefix 131   476 atime 12
 *   gnu          magic "ustar ", version " \0"         345 atime 12
 *                386 four of (offset 12, length 12)    482 more 1       483 real size 12
 *   v7           anything else; nothing after linkname
 *
 *   gnu sparse extension   0 twenty-one of (offset 12, length 12)   504 more 1
 * </pre>
 *
 * Ambiguous headers are read as Go's archive/tar reads them, and so as containerd does.
 */
final class TarHeader {

  static final int BLOCK_BYTES = 512;

  private static final byte[] ZEROS = new byte[BLOCK_BYTES];

  private enum Format {
    V7,
    USTAR,
    STAR,
    GNU
  }

  private static final int CHECKSUM_OFFSET = 148;
  private static final int CHECKSUM_BYTES = 8;
  private static final int NUMBER_BYTES = 8;
  private static final int LONG_NUMBER_BYTES = 12;

  private static final int GNU_SPARSE_OFFSET = 386;
  private static final int GNU_SPARSE_ENTRIES = 4;
  private static final int GNU_EXTENSION_ENTRIES = 21;
  private static final int GNU_SPARSE_ENTRY_BYTES = 24;

  private final byte[] block;
  private final Format format;
  private final byte[] prefix;
  private final @Nullable Timespec accessed;

  /**
   * @throws NumberFormatException if its checksum or one of its numbers is invalid
   */
  TarHeader(byte[] block) {
    this.block = block;
    requireChecksum();
    this.format = format();
    byte[] foundPrefix = new byte[0];
    Timespec foundAccessed = null;
    switch (format) {
      case V7 -> {}
      case USTAR -> foundPrefix = TarNumbers.string(block, 345, 155);
      case STAR -> {
        foundPrefix = TarNumbers.string(block, 345, 131);
        foundAccessed = new Timespec(longNumber(476), 0);
        longNumber(488);
      }
      case GNU -> {
        try {
          foundAccessed = gnuTime(345);
          gnuTime(357);
        } catch (NumberFormatException e) {
          // Go before 1.8 wrote a prefix here, which GNU's format does not have. Layers with such
          // headers exist and containerd reads them.
          foundAccessed = null;
          byte[] misplaced = TarNumbers.string(block, 345, 155);
          if (isAscii(misplaced)) {
            foundPrefix = misplaced;
          }
        }
      }
    }
    this.prefix = foundPrefix;
    this.accessed = foundAccessed;
  }

  static boolean isZero(byte[] block) {
    return Arrays.equals(block, ZEROS);
  }

  private void requireChecksum() {
    long stored = TarNumbers.octal(block, CHECKSUM_OFFSET, CHECKSUM_BYTES);
    // POSIX sums unsigned bytes; some old writers summed signed ones.
    if (stored != checksum(0xff) && stored != checksum(~0)) {
      throw new NumberFormatException("wrong checksum");
    }
  }

  /** {@return the sum of all bytes} The checksum field itself counts as spaces. */
  private int checksum(int mask) {
    int sum = ' ' * CHECKSUM_BYTES;
    for (int i = 0; i < CHECKSUM_OFFSET; i++) {
      sum += block[i] & mask;
    }
    for (int i = CHECKSUM_OFFSET + CHECKSUM_BYTES; i < BLOCK_BYTES; i++) {
      sum += block[i] & mask;
    }
    return sum;
  }

  private Format format() {
    if (has(257, "ustar\0")) {
      return has(508, "tar\0") ? Format.STAR : Format.USTAR;
    }
    return has(257, "ustar  \0") ? Format.GNU : Format.V7;
  }

  private boolean has(int offset, String text) {
    for (int i = 0; i < text.length(); i++) {
      if (block[offset + i] != text.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  private static boolean isAscii(byte[] text) {
    for (byte value : text) {
      if (value < 0) {
        return false;
      }
    }
    return true;
  }

  private @Nullable Timespec gnuTime(int offset) {
    return block[offset] == 0 ? null : new Timespec(longNumber(offset), 0);
  }

  private long longNumber(int offset) {
    return TarNumbers.field(block, offset, LONG_NUMBER_BYTES);
  }

  private long number(int offset) {
    return TarNumbers.field(block, offset, NUMBER_BYTES);
  }

  /** Go parses all numbers of every header, even unused ones. */
  void requireNumbers() {
    var _ = mode() | uid() | gid() | size() | deviceMajor() | deviceMinor();
    var _ = modified();
  }

  char typeFlag() {
    return (char) (block[156] & 0xff);
  }

  byte[] name() {
    byte[] name = TarNumbers.string(block, 0, 100);
    if (prefix.length == 0) {
      return name;
    }
    byte[] joined = Arrays.copyOf(prefix, prefix.length + 1 + name.length);
    joined[prefix.length] = '/';
    System.arraycopy(name, 0, joined, prefix.length + 1, name.length);
    return joined;
  }

  byte[] linkName() {
    return TarNumbers.string(block, 157, 100);
  }

  long mode() {
    return number(100);
  }

  long uid() {
    return number(108);
  }

  long gid() {
    return number(116);
  }

  long size() {
    return longNumber(124);
  }

  Timespec modified() {
    return new Timespec(longNumber(136), 0);
  }

  @Nullable Timespec accessed() {
    return accessed;
  }

  long deviceMajor() {
    return format == Format.V7 ? 0 : number(329);
  }

  long deviceMinor() {
    return format == Format.V7 ? 0 : number(337);
  }

  boolean isGnu() {
    return format == Format.GNU;
  }

  long gnuRealSize() {
    return longNumber(483);
  }

  /** Adds the extents in this header. {@return whether an extension block follows} */
  boolean addGnuSparse(SparseMap map) {
    return addGnuSparse(block, GNU_SPARSE_OFFSET, GNU_SPARSE_ENTRIES, map);
  }

  /** Adds the extents in an extension block. {@return whether another one follows} */
  static boolean addGnuSparseExtension(byte[] extension, SparseMap map) {
    return addGnuSparse(extension, 0, GNU_EXTENSION_ENTRIES, map);
  }

  private static boolean addGnuSparse(byte[] from, int offset, int entries, SparseMap map) {
    for (int i = 0; i < entries; i++) {
      int at = offset + i * GNU_SPARSE_ENTRY_BYTES;
      if (from[at] == 0) {
        break;
      }
      map.add(
          TarNumbers.field(from, at, LONG_NUMBER_BYTES),
          TarNumbers.field(from, at + LONG_NUMBER_BYTES, LONG_NUMBER_BYTES));
    }
    return from[offset + entries * GNU_SPARSE_ENTRY_BYTES] != 0;
  }
}
