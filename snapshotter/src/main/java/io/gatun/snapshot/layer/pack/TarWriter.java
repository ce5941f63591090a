package io.gatun.snapshot.layer.pack;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.layer.tar.TarType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Writes a POSIX.1-2001 tar ("pax"): a ustar header for each entry, preceded by a header with
 * records for values that ustar cannot hold: times with fractions or before 1970, names that are
 * long or not ASCII, large numbers, and extended attributes as {@code SCHILY.xattr.NAME}, which all
 * readers of layers support.
 *
 * <p>The same entries produce the same tar. The content of an entry follows through {@link
 * #content} and {@link #zeros}, exactly as much as the entry specifies.
 */
final class TarWriter {

  static final int BLOCK_BYTES = 512;

  /** The limit of readers: Go's package archive/tar, and {@code TarReader} here. */
  static final int RECORDS_BYTES_MAX = 1 << 20;

  private static final int END_BLOCKS = 2;

  private static final byte[] EMPTY = new byte[64 << 10];
  private static final byte[] RECORDS_NAME = ascii("PaxHeaders.0/entry");
  private static final byte[] MAGIC = ascii("ustar\00000");

  // Offsets and lengths of the fields (pax(1), "ustar Interchange Format").
  private static final int NAME = 0;
  private static final int NAME_BYTES = 100;
  private static final int MODE = 100;
  private static final int UID = 108;
  private static final int GID = 116;
  private static final int SIZE = 124;
  private static final int MODIFIED = 136;
  private static final int CHECKSUM = 148;
  private static final int TYPE = 156;
  private static final int LINK = 157;
  private static final int MAGIC_AT = 257;
  private static final int MAJOR = 329;
  private static final int MINOR = 337;
  private static final int SHORT_DIGITS = 7;
  private static final int LONG_DIGITS = 11;
  private static final int CHECKSUM_DIGITS = 6;
  private static final int BITS_PER_DIGIT = 3;

  private static final int RECORDS_MODE = 0644;

  private final TarOutput output;
  private final byte[] header = new byte[BLOCK_BYTES];
  private final TarRecords records = new TarRecords();
  private long contentLeft;
  private int contentStart;
  private int padding;
  private long entries;

  TarWriter(TarOutput output) {
    this.output = output;
  }

  long entries() {
    return entries;
  }

  /**
   * Begins an entry.
   *
   * @throws UnfitFileException if its attributes exceed the limit of readers
   */
  void begin(TarItem item) throws IOException {
    endEntry();
    records.clear();
    byte[] name = name(item);
    Arrays.fill(header, (byte) 0);
    string(NAME, "path", name);
    string(LINK, "linkpath", item.link().bytes());
    octal(MODE, SHORT_DIGITS, item.mode());
    number(UID, SHORT_DIGITS, "uid", Integer.toUnsignedLong(item.uid()));
    number(GID, SHORT_DIGITS, "gid", Integer.toUnsignedLong(item.gid()));
    number(SIZE, LONG_DIGITS, "size", item.sizeBytes());
    time(item.modified());
    octal(MAJOR, SHORT_DIGITS, item.major());
    octal(MINOR, SHORT_DIGITS, item.minor());
    item.xattrs()
        .forEach(xattr -> records.add("SCHILY.xattr.", xattr.name().bytes(), xattr.value()));
    header[TYPE] = flag(item.type());
    byte[] entry = finished();
    writeRecords(item.path());
    output.put(entry, 0, BLOCK_BYTES);
    contentLeft = item.sizeBytes();
    padding = padding(item.sizeBytes());
    entries++;
  }

  /**
   * {@return a direct buffer for the next content of the entry, limited to the missing content} To
   * be returned by {@link #put} before any other call.
   */
  ByteBuffer content() throws IOException {
    ByteBuffer room = output.room();
    contentStart = room.position();
    return room.limit(contentStart + (int) Math.min(room.remaining(), contentLeft));
  }

  /** Accepts the content in the buffer from {@link #content}. */
  void put(ByteBuffer content) {
    contentLeft -= content.position() - contentStart;
    content.limit(content.capacity());
  }

  /** Writes zeros as content. */
  void zeros(long bytes) throws IOException {
    fill(bytes);
    contentLeft -= bytes;
  }

  /** Ends the tar. */
  void end() throws IOException {
    endEntry();
    fill(END_BLOCKS * (long) BLOCK_BYTES);
  }

  private void endEntry() throws IOException {
    if (contentLeft != 0) {
      throw new IllegalStateException("content is missing: " + contentLeft);
    }
    fill(padding);
    padding = 0;
  }

  private void fill(long bytes) throws IOException {
    for (long left = bytes; left > 0; ) {
      int part = (int) Math.min(left, EMPTY.length);
      output.put(EMPTY, 0, part);
      left -= part;
    }
  }

  private void writeRecords(LinuxPath path) throws IOException {
    if (records.isEmpty()) {
      return;
    }
    byte[] content = records.bytes();
    if (content.length > RECORDS_BYTES_MAX) {
      throw new UnfitFileException(
          "%s: its attributes have %d bytes, the limit of readers is %d"
              .formatted(path, content.length, RECORDS_BYTES_MAX));
    }
    Arrays.fill(header, (byte) 0);
    System.arraycopy(RECORDS_NAME, 0, header, NAME, RECORDS_NAME.length);
    octal(MODE, SHORT_DIGITS, RECORDS_MODE);
    octal(UID, SHORT_DIGITS, 0);
    octal(GID, SHORT_DIGITS, 0);
    octal(SIZE, LONG_DIGITS, content.length);
    octal(MODIFIED, LONG_DIGITS, 0);
    header[TYPE] = 'x';
    output.put(finished(), 0, BLOCK_BYTES);
    output.put(content, 0, content.length);
    fill(padding(content.length));
  }

  /** {@return a copy of the header, completed with magic and checksum} */
  private byte[] finished() {
    System.arraycopy(MAGIC, 0, header, MAGIC_AT, MAGIC.length);
    Arrays.fill(header, CHECKSUM, CHECKSUM + CHECKSUM_DIGITS + 2, (byte) ' ');
    int sum = 0;
    for (byte each : header) {
      sum += each & 0xff;
    }
    octal(CHECKSUM, CHECKSUM_DIGITS, sum);
    header[CHECKSUM + CHECKSUM_DIGITS] = 0;
    return header.clone();
  }

  private static byte[] name(TarItem item) {
    byte[] path = item.path().bytes();
    if (item.type() != TarType.DIRECTORY) {
      return path;
    }
    byte[] name = Arrays.copyOf(path, path.length + 1);
    name[path.length] = '/';
    return name;
  }

  private void string(int at, String key, byte[] value) {
    boolean fits = value.length <= NAME_BYTES;
    for (byte each : value) {
      fits &= each > 0;
    }
    if (!fits) {
      records.add(key, value);
    }
    // Readers without support for the record see a truncated value.
    System.arraycopy(value, 0, header, at, Math.min(value.length, NAME_BYTES));
  }

  private void number(int at, int digits, String key, long value) {
    boolean fits = value >>> (digits * BITS_PER_DIGIT) == 0;
    if (!fits) {
      records.add(key, ascii(Long.toString(value)));
    }
    octal(at, digits, fits ? value : 0);
  }

  private void time(Timespec time) {
    boolean fits = time.nanos() == 0 && time.seconds() >>> (LONG_DIGITS * BITS_PER_DIGIT) == 0;
    if (!fits) {
      records.add("mtime", ascii(decimal(time)));
    }
    long shown = Math.max(0, time.seconds());
    octal(MODIFIED, LONG_DIGITS, shown >>> (LONG_DIGITS * BITS_PER_DIGIT) == 0 ? shown : 0);
  }

  /** {@return seconds with as many decimals as needed; -1.25 is 0.75 after -2} */
  private static String decimal(Timespec time) {
    if (time.nanos() == 0) {
      return Long.toString(time.seconds());
    }
    boolean isNegative = time.seconds() < 0;
    long seconds = isNegative ? -(time.seconds() + 1) : time.seconds();
    int nanos = isNegative ? 1_000_000_000 - time.nanos() : time.nanos();
    String digits = "%09d".formatted(nanos);
    int end = digits.length();
    while (digits.charAt(end - 1) == '0') {
      end--;
    }
    return (isNegative ? "-" : "") + seconds + "." + digits.substring(0, end);
  }

  /** With leading zeros, before the NUL that is already there. */
  private void octal(int at, int digits, long value) {
    long left = value;
    for (int i = digits - 1; i >= 0; i--) {
      header[at + i] = (byte) ('0' + (left & 7));
      left >>>= BITS_PER_DIGIT;
    }
    if (left != 0) {
      throw new IllegalArgumentException("%o has more than %d digits".formatted(value, digits));
    }
  }

  private static byte flag(TarType type) {
    return (byte)
        switch (type) {
          case REGULAR -> '0';
          case HARD_LINK -> '1';
          case SYMBOLIC_LINK -> '2';
          case CHARACTER_DEVICE -> '3';
          case BLOCK_DEVICE -> '4';
          case DIRECTORY -> '5';
          case FIFO -> '6';
          case UNKNOWN -> throw new IllegalArgumentException("unknown entry type");
        };
  }

  private static int padding(long bytes) {
    return (int) (-bytes & (BLOCK_BYTES - 1));
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
