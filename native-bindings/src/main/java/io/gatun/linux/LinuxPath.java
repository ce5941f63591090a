package io.gatun.linux;

import io.gatun.linux.file.AtFlag;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A pathname as the kernel sees it: any bytes but NUL, without encoding ({@code
 * path_resolution(7)}). Also used for the names of extended attributes.
 *
 * <p>The length is not limited here; the kernel returns {@code ENAMETOOLONG} beyond {@code
 * PATH_MAX} and {@code NAME_MAX}.
 */
public final class LinuxPath implements Comparable<LinuxPath> {

  /** The empty path, which means the descriptor itself with {@link AtFlag#EMPTY_PATH}. */
  public static final LinuxPath EMPTY = new LinuxPath(new byte[0]);

  private static final HexFormat HEX = HexFormat.of().withUpperCase();

  private final byte[] bytes;

  private LinuxPath(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * {@return the path with the UTF-8 bytes of a string}
   *
   * @throws IllegalArgumentException if the string contains NUL or an unpaired surrogate
   */
  public static LinuxPath of(String path) {
    byte[] bytes = path.getBytes(StandardCharsets.UTF_8);
    // getBytes() replaces an unpaired surrogate by a question mark, which names another file.
    if (hasSurrogates(path) && !new String(bytes, StandardCharsets.UTF_8).equals(path)) {
      throw new IllegalArgumentException("path has an unpaired surrogate: " + path);
    }
    return new LinuxPath(checked(bytes));
  }

  /**
   * {@return the same path, with the bytes that the JDK read or would use in any locale}
   *
   * @throws IllegalArgumentException if the path does not belong to the default filesystem
   */
  public static LinuxPath of(Path path) {
    if (!path.getFileSystem().equals(FileSystems.getDefault())) {
      throw new IllegalArgumentException("not a path of this system: " + path);
    }
    String text = path.toString();
    return StandardCharsets.US_ASCII.newEncoder().canEncode(text)
        ? of(text)
        : new LinuxPath(throughUri(path));
  }

  /**
   * {@return a path with a copy of these bytes}
   *
   * @throws IllegalArgumentException if they contain NUL
   */
  public static LinuxPath ofBytes(byte[] bytes) {
    return new LinuxPath(checked(bytes.clone()));
  }

  /**
   * {@return a path backed by these bytes, which must not be changed any more}
   *
   * @throws IllegalArgumentException if they contain NUL
   */
  public static LinuxPath wrap(byte[] bytes) {
    return bytes.length == 0 ? EMPTY : new LinuxPath(checked(bytes));
  }

  /**
   * {@return a path backed by bytes known to be without NUL, which must not be changed any more}
   */
  static LinuxPath trusted(byte[] bytes) {
    return new LinuxPath(bytes);
  }

  /** {@return a copy of the bytes, without a terminating NUL} */
  public byte[] bytes() {
    return bytes.clone();
  }

  public int length() {
    return bytes.length;
  }

  public byte byteAt(int index) {
    return bytes[index];
  }

  /**
   * {@return the path of a range of the bytes}
   *
   * @param begin the offset of the first byte
   * @param end the offset after the last byte
   */
  public LinuxPath slice(int begin, int end) {
    Objects.checkFromToIndex(begin, end, bytes.length);
    if (begin == 0 && end == bytes.length) {
      return this;
    }
    return begin == end ? EMPTY : new LinuxPath(Arrays.copyOfRange(bytes, begin, end));
  }

  /** {@return whether its first bytes are these, even if they end within a component} */
  public boolean hasPrefix(LinuxPath prefix) {
    int length = prefix.bytes.length;
    return bytes.length >= length && Arrays.equals(bytes, 0, length, prefix.bytes, 0, length);
  }

  public boolean isEmpty() {
    return bytes.length == 0;
  }

  public boolean isAbsolute() {
    return bytes.length > 0 && bytes[0] == '/';
  }

  /**
   * {@return {@code child} below this, or {@code child} itself if it is absolute or this is empty}
   */
  public LinuxPath resolve(LinuxPath child) {
    if (isEmpty() || child.isAbsolute()) {
      return child;
    }
    if (child.isEmpty()) {
      return this;
    }
    int slash = bytes[bytes.length - 1] == '/' ? 0 : 1;
    byte[] joined = Arrays.copyOf(bytes, bytes.length + slash + child.bytes.length);
    if (slash == 1) {
      joined[bytes.length] = '/';
    }
    System.arraycopy(child.bytes, 0, joined, bytes.length + slash, child.bytes.length);
    return new LinuxPath(joined);
  }

  /** {@return {@code child}, in UTF-8, below this} */
  public LinuxPath resolve(String child) {
    return resolve(of(child));
  }

  /** {@return a C string with the lifetime of the arena} */
  MemorySegment in(Arena arena) {
    MemorySegment string = arena.allocate(bytes.length + 1L);
    MemorySegment.copy(bytes, 0, string, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return string;
  }

  /** Orders by unsigned bytes. */
  @Override
  public int compareTo(LinuxPath other) {
    return Arrays.compareUnsigned(bytes, other.bytes);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof LinuxPath that && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  /**
   * {@return this for messages: as UTF-8, with {@code \xHH} for invalid bytes and control
   * characters, which protects the lines of a log}
   */
  @Override
  public String toString() {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharBuffer out = CharBuffer.allocate(bytes.length);
    StringBuilder text = new StringBuilder(bytes.length);
    while (true) {
      CoderResult result = decoder.decode(in, out, true);
      appendVisibly(text, out.flip());
      out.clear();
      if (!result.isError()) {
        return text.toString();
      }
      for (int i = 0; i < result.length(); i++) {
        escape(text, in.get());
      }
    }
  }

  private static void appendVisibly(StringBuilder text, CharBuffer characters) {
    for (int i = 0; i < characters.length(); i++) {
      char character = characters.charAt(i);
      if (character < 0x80 && Character.isISOControl(character)) {
        escape(text, (byte) character);
      } else {
        text.append(character);
      }
    }
  }

  private static void escape(StringBuilder text, byte value) {
    text.append("\\x").append(HEX.toHexDigits(value));
  }

  private static byte[] checked(byte[] bytes) {
    for (byte value : bytes) {
      if (value == 0) {
        throw new IllegalArgumentException(
            "path has a NUL byte: " + new LinuxPath(bytes)); // which toString() makes visible
      }
    }
    return bytes;
  }

  private static boolean hasSurrogates(String text) {
    return text.chars().anyMatch(character -> Character.isSurrogate((char) character));
  }

  /**
   * Takes the bytes from the URI. The JDK's string form is in the locale's encoding and loses
   * bytes.
   */
  private static byte[] throughUri(Path path) {
    byte[] absolute = decoded(path.toUri());
    if (path.isAbsolute()) {
      return absolute;
    }
    byte[] current = decoded(Path.of("").toUri());
    int skip = current.length == 1 ? 1 : current.length + 1;
    return Arrays.copyOfRange(absolute, skip, absolute.length);
  }

  /** {@return the path of a file URI, without the final slash of a directory} */
  private static byte[] decoded(URI uri) {
    String raw = uri.getRawPath();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(raw.length());
    for (int i = 0; i < raw.length(); i++) {
      if (raw.charAt(i) == '%') {
        bytes.write(HexFormat.fromHexDigits(raw, i + 1, i + 3));
        i += 2;
      } else {
        bytes.write(raw.charAt(i));
      }
    }
    byte[] all = bytes.toByteArray();
    return all.length > 1 && all[all.length - 1] == '/' ? Arrays.copyOf(all, all.length - 1) : all;
  }
}
