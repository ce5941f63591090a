package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a tar entry by entry, in one pass and without holding more of it than one entry's header:
 * ustar, pax, GNU with its long names, binary numbers and sparse files (its old format, and 0.0,
 * 0.1 and 1.0 in pax records), star and v7.
 *
 * <p>Meant to understand every tar exactly as Go's archive/tar does, which containerd uses: an
 * image must not mean one thing to one and another to the other. It knows one thing more, sparse
 * files in GNU's old format, and refuses some that Go lets pass: numbers beyond 63 bits, which
 * nothing here could count, NULs in names, at which the kernel would cut them, and extensions that
 * no entry follows, since what was to follow them is missing.
 *
 * <p>Global extended headers say nothing, but have to be well-formed, and what local ones came
 * before them is forgotten, as Go does.
 */
public final class TarReader {

  /** Go's limit, and libarchive's, for one extended header, long name or sparse map. */
  static final int EXTENSION_BYTES_MAX = 1 << 20;

  private static final String XATTR = "SCHILY.xattr.";
  private static final String SPARSE_NAME = "GNU.sparse.name";
  private static final String SPARSE_SIZE = "GNU.sparse.size";
  private static final String SPARSE_REAL_SIZE = "GNU.sparse.realsize";
  private static final String SPARSE_MAJOR = "GNU.sparse.major";
  private static final String SPARSE_MINOR = "GNU.sparse.minor";

  private enum SparseFormat {
    NONE,
    /** 0.0 and 0.1: the map is in the records. */
    IN_RECORDS,
    /** 1.0: the map comes before the content. */
    IN_CONTENT
  }

  private final TarStream stream;
  private final byte[] block = new byte[TarHeader.BLOCK_BYTES];

  /** What is left of the content of the last entry, and of the block that it ends in. */
  private long contentLeft;

  private int paddingLeft;

  /** What the last extensions said of the entry that follows them. */
  private PaxRecords records = PaxRecords.NONE;

  private byte @Nullable [] longName;
  private byte @Nullable [] longLinkName;

  public TarReader(TarSource source) {
    this.stream = new TarStream(source);
  }

  /** {@return how far the tar has been read, in bytes} */
  public long position() {
    return stream.position();
  }

  /**
   * {@return the next entry, or null after the last one; what was left of the content of the entry
   * before it is passed over} What comes after the end of the archive is not read.
   *
   * @throws InvalidLayerException if it cannot be understood
   */
  public @Nullable TarEntry next() throws IOException {
    while (true) {
      passOverContent();
      long offset = stream.position();
      if (!readHeader()) {
        requireNoExtension(offset);
        return null;
      }
      try {
        TarEntry entry = read(new TarHeader(block), offset);
        if (entry != null) {
          forgetExtensions();
          return entry;
        }
      } catch (NumberFormatException e) {
        throw new InvalidLayerException(
            "tar header at offset %d is invalid: %s".formatted(offset, e.getMessage()), e);
      }
    }
  }

  /**
   * {@return what comes next of the content of the last entry, its holes left out, for reading only
   * and only until the next call of anything here; nothing remains in the buffer at its end}
   *
   * @throws InvalidLayerException if the tar ends too early
   */
  public ByteBuffer content() throws IOException {
    if (contentLeft == 0) {
      return stream.take(0);
    }
    ByteBuffer part = stream.take(contentLeft);
    if (!part.hasRemaining()) {
      throw cutShort();
    }
    contentLeft -= part.remaining();
    return part;
  }

  private void passOverContent() throws IOException {
    if (stream.skip(contentLeft) < contentLeft) {
      throw cutShort();
    }
    contentLeft = 0;
    // Go lets the padding of the last entry be missing, and there are writers that leave it out.
    stream.skip(paddingLeft);
    paddingLeft = 0;
  }

  private void expectContent(long length) {
    if (length < 0) {
      throw new NumberFormatException("negative size");
    }
    contentLeft = length;
    paddingLeft = (int) (-length & (TarHeader.BLOCK_BYTES - 1));
  }

  private InvalidLayerException cutShort() {
    return new InvalidLayerException("tar is cut short at offset " + stream.position());
  }

  /** {@return whether there is one; otherwise the archive has ended as it should} */
  private boolean readHeader() throws IOException {
    if (!readBlock()) {
      return false;
    }
    if (!TarHeader.isZero(block)) {
      return true;
    }
    // Two blocks of zeros are the end; one is enough if nothing follows.
    if (readBlock() && !TarHeader.isZero(block)) {
      throw new InvalidLayerException(
          "tar goes on after a block of zeros, before offset " + stream.position());
    }
    return false;
  }

  /** {@return false if the tar has ended before it} */
  private boolean readBlock() throws IOException {
    int read = stream.read(block, block.length);
    if (read > 0 && read < block.length) {
      throw cutShort();
    }
    return read > 0;
  }

  private void requireNoExtension(long offset) throws InvalidLayerException {
    if (records != PaxRecords.NONE || longName != null || longLinkName != null) {
      throw new InvalidLayerException(
          "tar ends at offset %d with an extended header that no entry follows".formatted(offset));
    }
  }

  private void forgetExtensions() {
    records = PaxRecords.NONE;
    longName = null;
    longLinkName = null;
  }

  /** {@return the entry, or nothing if it was an extension, which has then been read} */
  private @Nullable TarEntry read(TarHeader header, long offset) throws IOException {
    switch (header.typeFlag()) {
      case 'x' -> records = PaxRecords.parse(extension(header));
      case 'g' -> {
        var _ = PaxRecords.parse(extension(header));
        forgetExtensions();
      }
      case 'L' -> longName = text(extension(header));
      case 'K' -> longLinkName = text(extension(header));
      default -> {
        return entry(header, offset);
      }
    }
    return null;
  }

  private byte[] extension(TarHeader header) throws IOException {
    header.requireNumbers();
    long size = header.size();
    expectContent(size);
    if (size > EXTENSION_BYTES_MAX) {
      throw new NumberFormatException(
          "extended header of %d bytes, of which %d are allowed"
              .formatted(size, EXTENSION_BYTES_MAX));
    }
    byte[] content = new byte[(int) size];
    if (stream.read(content, content.length) < content.length) {
      throw cutShort();
    }
    contentLeft = 0;
    return content;
  }

  private static byte[] text(byte[] content) {
    return TarNumbers.string(content, 0, content.length);
  }

  private TarEntry entry(TarHeader header, long offset) throws IOException {
    byte[] name = chosen(longName, records.find("path"), header.name());
    TarType type = type(header.typeFlag(), name);
    long storedBytes = storedBytes(header, type);
    expectContent(storedBytes);
    long sizeBytes = storedBytes;
    List<TarExtent> extents = storedBytes == 0 ? List.of() : List.of(new TarExtent(0, storedBytes));

    if (header.typeFlag() == 'S') {
      sizeBytes = header.gnuRealSize();
      extents = gnuSparse(header).extents(sizeBytes, storedBytes);
    } else {
      SparseFormat format = sparseFormat();
      if (format != SparseFormat.NONE) {
        if (type.isHeaderOnly()) {
          throw new NumberFormatException("sparse map of what has no content");
        }
        name = chosen(records.find(SPARSE_NAME), name);
        byte[] realSize = chosen(records.find(SPARSE_SIZE), records.find(SPARSE_REAL_SIZE));
        if (realSize.length > 0) {
          sizeBytes = TarNumbers.decimal(realSize);
        }
        SparseMap map = format == SparseFormat.IN_RECORDS ? sparseInRecords() : sparseInContent();
        extents = map.extents(sizeBytes, contentLeft);
      }
    }
    return new TarEntry(
        offset,
        stream.position(),
        type,
        path(name),
        path(chosen(longLinkName, records.find("linkpath"), header.linkName())),
        header.mode(),
        number("uid", header.uid()),
        number("gid", header.gid()),
        sizeBytes,
        header.deviceMajor(),
        header.deviceMinor(),
        time("mtime", header.modified()),
        accessed(header),
        xattrs(),
        extents);
  }

  private static TarType type(char flag, byte[] name) {
    return switch (flag) {
      case '\0' ->
          name.length > 0 && name[name.length - 1] == '/' ? TarType.DIRECTORY : TarType.REGULAR;
      case '0', 'S' -> TarType.REGULAR;
      case '1' -> TarType.HARD_LINK;
      case '2' -> TarType.SYMBOLIC_LINK;
      case '3' -> TarType.CHARACTER_DEVICE;
      case '4' -> TarType.BLOCK_DEVICE;
      case '5' -> TarType.DIRECTORY;
      case '6' -> TarType.FIFO;
      default -> TarType.UNKNOWN;
    };
  }

  /** What the records say decides how much is passed over: CVE-2025-62518. */
  private long storedBytes(TarHeader header, TarType type) {
    long inHeader = header.size();
    long size = number("size", inHeader);
    if (type.isHeaderOnly()) {
      return 0;
    }
    if (inHeader < 0) {
      throw new NumberFormatException("negative size");
    }
    return size;
  }

  private static byte[] chosen(byte @Nullable [] first, byte @Nullable [] second, byte[] last) {
    if (first != null && first.length > 0) {
      return first;
    }
    return second == null ? last : second;
  }

  private static byte[] chosen(byte @Nullable [] first, byte @Nullable [] second) {
    return chosen(first, second, new byte[0]);
  }

  private static LinuxPath path(byte[] bytes) {
    try {
      return LinuxPath.wrap(bytes);
    } catch (IllegalArgumentException e) {
      NumberFormatException failure = new NumberFormatException("NUL in a name");
      failure.initCause(e);
      throw failure;
    }
  }

  private long number(String key, long inHeader) {
    byte[] value = records.find(key);
    return value == null ? inHeader : TarNumbers.decimal(value);
  }

  private TarTime time(String key, TarTime inHeader) {
    byte[] value = records.find(key);
    return value == null ? inHeader : TarNumbers.time(value);
  }

  private @Nullable TarTime accessed(TarHeader header) {
    byte[] value = records.find("atime");
    return value == null ? header.accessed() : TarNumbers.time(value);
  }

  private List<TarXattr> xattrs() {
    if (records == PaxRecords.NONE) {
      return List.of();
    }
    List<TarXattr> xattrs = new ArrayList<>();
    for (Map.Entry<String, byte[]> found : records.all().entrySet()) {
      if (found.getKey().startsWith(XATTR)) {
        String name = found.getKey().substring(XATTR.length());
        xattrs.add(
            new TarXattr(path(name.getBytes(StandardCharsets.ISO_8859_1)), found.getValue()));
      }
    }
    xattrs.sort(Comparator.comparing(TarXattr::name));
    return List.copyOf(xattrs);
  }

  // Sparse files: "Storing Sparse Files" in the manual of GNU tar.

  private SparseFormat sparseFormat() {
    String major = records.text(SPARSE_MAJOR);
    String minor = records.text(SPARSE_MINOR);
    if (major.equals("0") && (minor.equals("0") || minor.equals("1"))) {
      return SparseFormat.IN_RECORDS;
    }
    if (major.equals("1") && minor.equals("0")) {
      return SparseFormat.IN_CONTENT;
    }
    boolean isUnversioned = major.isEmpty() && minor.isEmpty();
    return isUnversioned && records.find(PaxRecords.SPARSE_MAP) != null
        ? SparseFormat.IN_RECORDS
        : SparseFormat.NONE;
  }

  private SparseMap gnuSparse(TarHeader header) throws IOException {
    if (!header.isGnu()) {
      throw new NumberFormatException("sparse file in a format other than GNU's");
    }
    SparseMap map = new SparseMap();
    boolean more = header.addGnuSparse(map);
    byte[] extension = new byte[TarHeader.BLOCK_BYTES];
    // These blocks are not part of the size.
    for (int bytes = 0; more; bytes += extension.length) {
      if (bytes == EXTENSION_BYTES_MAX) {
        throw new NumberFormatException("sparse map is too long");
      }
      if (stream.read(extension, extension.length) < extension.length) {
        throw cutShort();
      }
      more = TarHeader.addGnuSparseExtension(extension, map);
    }
    return map;
  }

  /** Offset and length of each extent, with commas between all of them. */
  private SparseMap sparseInRecords() {
    byte[] count = records.find(PaxRecords.SPARSE_COUNT);
    byte[] text = records.find(PaxRecords.SPARSE_MAP);
    SparseMap map = new SparseMap();
    long extents = 0;
    for (int at = 0; text != null && at <= text.length; extents++) {
      int middle = TarNumbers.indexOf(text, ',', at);
      if (middle == text.length) {
        throw new NumberFormatException("half an extent in a sparse map");
      }
      int end = TarNumbers.indexOf(text, ',', middle + 1);
      map.add(TarNumbers.decimal(text, at, middle), TarNumbers.decimal(text, middle + 1, end));
      at = end + 1;
    }
    if (count == null || TarNumbers.decimal(count) != extents) {
      throw new NumberFormatException("number of extents of a sparse map");
    }
    return map;
  }

  /** A number of extents and their numbers, a line each, in as many blocks as that takes. */
  private SparseMap sparseInContent() throws IOException {
    SparseText text = new SparseText();
    long extents = text.number();
    SparseMap map = new SparseMap();
    for (long i = 0; i < extents; i++) {
      long offset = text.number();
      map.add(offset, text.number());
    }
    return map;
  }

  private final class SparseText {
    private final byte[] page = new byte[TarHeader.BLOCK_BYTES];
    private final byte[] line = new byte[Long.toString(Long.MIN_VALUE).length()];
    private int at = page.length;
    private int pagesBytes;

    long number() throws IOException {
      int length = 0;
      for (byte next = next(); next != '\n'; next = next()) {
        if (length == line.length) {
          throw new NumberFormatException("number in a sparse map");
        }
        line[length++] = next;
      }
      return TarNumbers.decimal(line, 0, length);
    }

    private byte next() throws IOException {
      if (at == page.length) {
        if (pagesBytes == EXTENSION_BYTES_MAX) {
          throw new NumberFormatException("sparse map is too long");
        }
        if (contentLeft < page.length || stream.read(page, page.length) < page.length) {
          throw cutShort();
        }
        contentLeft -= page.length;
        pagesBytes += page.length;
        at = 0;
      }
      return page[at++];
    }
  }
}
