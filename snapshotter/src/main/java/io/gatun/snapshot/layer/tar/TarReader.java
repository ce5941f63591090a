package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a tar in one pass, holding no more than one entry's header: ustar, pax, GNU with long
 * names, binary numbers and sparse files (its old format, and 0.0, 0.1 and 1.0 in pax records),
 * star and v7.
 *
 * <p>Interprets every tar exactly as Go's archive/tar does, which containerd uses, so that an image
 * never has two meanings. In addition, it supports sparse files in GNU's old format, and refuses
 * some input that Go accepts: numbers beyond 63 bits, which could not be represented here, NULs in
 * names, at which the kernel would truncate them, and extensions at the end without an entry.
 *
 * <p>Like Go, it ignores global extended headers, which must be well-formed, and drops the local
 * ones before them.
 */
public final class TarReader {

  /** The limit of Go and libarchive for one extended header, long name or sparse map. */
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
    /** 1.0: the map precedes the content. */
    IN_CONTENT
  }

  private final TarStream stream;
  private final byte[] block = new byte[TarHeader.BLOCK_BYTES];

  /** The unread content of the last entry, and the padding of its last block. */
  private long contentLeft;

  private int paddingLeft;

  /** The extensions for the next entry. */
  private PaxRecords records = PaxRecords.NONE;

  private byte @Nullable [] longName;
  private byte @Nullable [] longLinkName;

  public TarReader(TarSource source) {
    this.stream = new TarStream(source);
  }

  /** {@return the number of bytes read so far} */
  public long position() {
    return stream.position();
  }

  /**
   * {@return the next entry, after skipping the rest of the last one's content; null at the end}
   * Does not read beyond the end of the archive.
   *
   * @throws InvalidLayerException if the tar is invalid
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
      } catch (IllegalArgumentException e) {
        // From a number or a path.
        throw new InvalidLayerException(
            "tar header at offset %d is invalid: %s".formatted(offset, e.getMessage()), e);
      }
    }
  }

  /**
   * {@return the next content of the last entry without its holes, in a read-only buffer that is
   * valid until the next call of any method; empty at the end}
   *
   * @throws InvalidLayerException if the tar is truncated
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
    // Go accepts missing padding after the last entry, which some writers omit.
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
    return new InvalidLayerException("tar is truncated at offset " + stream.position());
  }

  /** {@return whether there is a header; false at the regular end of the archive} */
  private boolean readHeader() throws IOException {
    if (!readBlock()) {
      return false;
    }
    if (!TarHeader.isZero(block)) {
      return true;
    }
    // Two blocks of zeros mark the end; one is enough if nothing follows.
    if (readBlock() && !TarHeader.isZero(block)) {
      throw new InvalidLayerException(
          "tar continues after a block of zeros, before offset " + stream.position());
    }
    return false;
  }

  /** {@return false at the end of the tar} */
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

  /** {@return the entry; null for an extension, which has then been read} */
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
          "extended header of %d bytes exceeds the limit of %d"
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
    byte[] name = chosen(longName, "path", header.name());
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
          throw new NumberFormatException("sparse map of an entry without content");
        }
        name = records.find(SPARSE_NAME, name);
        byte[] realSize = records.find(SPARSE_SIZE, records.find(SPARSE_REAL_SIZE, new byte[0]));
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
        LinuxPath.wrap(name),
        LinuxPath.wrap(chosen(longLinkName, "linkpath", header.linkName())),
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
      case 'S' -> TarType.REGULAR;
      default -> TarType.of(flag);
    };
  }

  /** The size in the records determines how much is skipped: CVE-2025-62518. */
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

  private byte[] chosen(byte @Nullable [] longForm, String key, byte[] inHeader) {
    return longForm != null && longForm.length > 0 ? longForm : records.find(key, inHeader);
  }

  private long number(String key, long inHeader) {
    byte[] value = records.find(key);
    return value == null ? inHeader : TarNumbers.decimal(value);
  }

  private Timespec time(String key, Timespec inHeader) {
    byte[] value = records.find(key);
    return value == null ? inHeader : TarNumbers.time(value);
  }

  private @Nullable Timespec accessed(TarHeader header) {
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
            new TarXattr(
                LinuxPath.wrap(name.getBytes(StandardCharsets.ISO_8859_1)), found.getValue()));
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
    // The size does not include these blocks.
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

  /** Offset and length of each extent, all separated by commas. */
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

  /**
   * The number of extents, then their offsets and lengths, one number per line, padded to blocks.
   */
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
