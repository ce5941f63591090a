package io.gatun.snapshot.layer.pack;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.layer.tar.TarType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.OptionalLong;

/**
 * Writes a POSIX.1-2001 tar ("pax"): a ustar header for each entry, preceded by a header with
 * records for values that ustar cannot hold: times with fractions or before 1970, names that are
 * long or not ASCII, large numbers, and extended attributes as {@code SCHILY.xattr.NAME}, which all
 * readers of layers support.
 *
 * <p>The same entries produce the same tar. The content of an entry follows, exactly as much as the
 * entry specifies.
 */
final class TarWriter {

  static final int BLOCK_BYTES = 512;

  /** The limit of readers: Go's package archive/tar, and {@code TarReader} here. */
  static final int RECORDS_BYTES_MAX = 1 << 20;

  private static final int END_BLOCKS = 2;

  /** The blank, the equals sign and the line feed. */
  private static final int RECORD_MARKS = 3;

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
  private static final int NANO_DIGITS = 9;

  /** Receives a tar. */
  @FunctionalInterface
  interface Output {

    /** {@return a direct buffer with space for the next bytes} */
    ByteBuffer room() throws IOException;
  }

  private final Output output;
  private final byte[] header = new byte[BLOCK_BYTES];

  /**
   * The records of the entry: {@code LENGTH KEY=VALUE\n}, where the length includes itself (pax(1),
   * "pax Extended Header"). Values are any bytes.
   */
  private final ByteArrayOutputStream records = new ByteArrayOutputStream();

  private long contentLeft;
  private int padding;
  private long entries;

  TarWriter(Output output) {
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
    records.reset();
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
        .forEach(
            xattr ->
                addRecord(
                    "SCHILY.xattr." + new String(xattr.name().bytes(), StandardCharsets.ISO_8859_1),
                    xattr.value()));
    header[TYPE] = (byte) item.type().flag();
    byte[] entry = finished();
    writeRecords(item.path());
    write(entry, BLOCK_BYTES);
    contentLeft = item.sizeBytes();
    padding = padding(item.sizeBytes());
    entries++;
  }

  /**
   * Writes the content of a file, up to its initial length. Holes are not read but written as
   * zeros, because not all readers of layers support sparse entries.
   */
  void content(Fd file, LinuxPath path, FileStatus status) throws IOException {
    long sizeBytes = status.sizeBytes();
    // Only an optimization: reading a hole is correct but slow.
    boolean mayHaveHoles = status.blocks() * FileStatus.BLOCK_BYTES < sizeBytes;
    long at = 0;
    while (at < sizeBytes) {
      long start = mayHaveHoles ? bounded(Unistd.seekData(file, at), sizeBytes) : at;
      if (start == sizeBytes && Stat.statx(file).sizeBytes() < sizeBytes) {
        throw becameShorter(path, at, sizeBytes);
      }
      zeros(start - at);
      long end =
          mayHaveHoles && start < sizeBytes
              ? bounded(Unistd.seekHole(file, start), sizeBytes)
              : sizeBytes;
      for (at = start; at < end; ) {
        int bytes = read(file, at, end);
        if (bytes == 0) {
          throw becameShorter(path, at, sizeBytes);
        }
        at += bytes;
      }
    }
  }

  private static long bounded(OptionalLong offset, long sizeBytes) {
    return Math.min(offset.orElse(sizeBytes), sizeBytes);
  }

  private int read(Fd file, long at, long end) throws IOException {
    ByteBuffer room = output.room();
    room.limit(room.position() + (int) Math.min(room.remaining(), end - at));
    int bytes = Unistd.pread(file, room, at);
    room.limit(room.capacity());
    contentLeft -= bytes;
    return bytes;
  }

  private static UnfitFileException becameShorter(LinuxPath path, long at, long sizeBytes) {
    return new UnfitFileException(
        ("%s: it became shorter while it was read, %d bytes of %d: the snapshot must not be written meanwhile (pause"
                + " its container)")
            .formatted(path, at, sizeBytes));
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
      write(EMPTY, part);
      left -= part;
    }
  }

  private void write(byte[] bytes, int length) throws IOException {
    int done = 0;
    while (done < length) {
      ByteBuffer room = output.room();
      int part = Math.min(room.remaining(), length - done);
      room.put(bytes, done, part);
      done += part;
    }
  }

  private void writeRecords(LinuxPath path) throws IOException {
    byte[] content = records.toByteArray();
    if (content.length == 0) {
      return;
    }
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
    write(finished(), BLOCK_BYTES);
    write(content, content.length);
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
      addRecord(key, value);
    }
    // Readers without support for the record see a truncated value.
    System.arraycopy(value, 0, header, at, Math.min(value.length, NAME_BYTES));
  }

  private void number(int at, int digits, String key, long value) {
    boolean fits = value >>> (digits * BITS_PER_DIGIT) == 0;
    if (!fits) {
      addRecord(key, ascii(Long.toString(value)));
    }
    octal(at, digits, fits ? value : 0);
  }

  private void time(Timespec time) {
    boolean fits = time.nanos() == 0 && time.seconds() >>> (LONG_DIGITS * BITS_PER_DIGIT) == 0;
    if (!fits) {
      addRecord("mtime", ascii(decimal(time)));
    }
    long shown = Math.max(0, time.seconds());
    octal(MODIFIED, LONG_DIGITS, shown >>> (LONG_DIGITS * BITS_PER_DIGIT) == 0 ? shown : 0);
  }

  /** {@return seconds with as many decimals as needed; -1.25 is 0.75 after -2} */
  private static String decimal(Timespec time) {
    return BigDecimal.valueOf(time.seconds())
        .add(BigDecimal.valueOf(time.nanos(), NANO_DIGITS))
        .stripTrailingZeros()
        .toPlainString();
  }

  /**
   * @param key with one character per byte
   */
  private void addRecord(String key, byte[] value) {
    int length = key.length() + value.length + RECORD_MARKS;
    int whole = length + digits(length);
    // The digits of the length may add another digit to the length.
    whole = length + digits(whole);
    records.writeBytes((whole + " " + key + "=").getBytes(StandardCharsets.ISO_8859_1));
    records.writeBytes(value);
    records.write('\n');
  }

  private static int digits(int number) {
    return Integer.toString(number).length();
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

  private static int padding(long bytes) {
    return (int) (-bytes & (BLOCK_BYTES - 1));
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
