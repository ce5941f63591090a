package io.gatun.snapshot.layer.tar;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The records of an extended header, POSIX.1-2001 pax: {@code LENGTH KEY=VALUE\n}, with the length
 * of the whole record in decimal. Throws {@link NumberFormatException} for invalid records.
 *
 * <p>The last value of a repeated key wins. The extents of GNU's sparse format 0.0, which breaks
 * that rule, are converted to format 0.1.
 */
final class PaxRecords {

  static final PaxRecords NONE = new PaxRecords();

  static final String SPARSE_MAP = "GNU.sparse.map";
  static final String SPARSE_COUNT = "GNU.sparse.numblocks";
  private static final String SPARSE_OFFSET = "GNU.sparse.offset";
  private static final String SPARSE_LENGTH = "GNU.sparse.numbytes";

  /** The length of {@code 5 a=\n}, the shortest record. */
  private static final int RECORD_BYTES_MIN = 5;

  private static final Set<String> NAMES = Set.of("path", "linkpath", "uname", "gname");

  /** Keys have one character per byte, so that all bytes survive. */
  private final Map<String, byte[]> values = new HashMap<>();

  private PaxRecords() {}

  static PaxRecords parse(byte[] text) {
    PaxRecords records = new PaxRecords();
    StringBuilder extents = new StringBuilder();
    int numbers = 0;
    int at = 0;
    while (at < text.length) {
      int blank = TarNumbers.indexOf(text, ' ', at);
      long length = blank == text.length ? 0 : TarNumbers.decimal(text, at, blank);
      if (length < RECORD_BYTES_MIN || length > text.length - at) {
        throw new NumberFormatException("length of an extended header's record");
      }
      int end = at + (int) length;
      int equals = TarNumbers.indexOf(text, '=', blank + 1);
      if (text[end - 1] != '\n' || equals >= end - 1 || equals == blank + 1) {
        throw new NumberFormatException("form of an extended header's record");
      }
      String key = new String(text, blank + 1, equals - blank - 1, StandardCharsets.ISO_8859_1);
      byte[] value = Arrays.copyOfRange(text, equals + 1, end - 1);
      if (key.indexOf(0) >= 0 || (NAMES.contains(key) && hasNul(value))) {
        throw new NumberFormatException("NUL in an extended header's record");
      }
      boolean isOffset = key.equals(SPARSE_OFFSET);
      if (isOffset || key.equals(SPARSE_LENGTH)) {
        if (isOffset != (numbers % 2 == 0)) {
          throw new NumberFormatException("order of a sparse map");
        }
        extents.append(numbers == 0 ? "" : ",").append(TarNumbers.decimal(value));
        numbers++;
      } else {
        records.values.put(key, value);
      }
      at = end;
    }
    if (numbers > 0) {
      records.values.put(SPARSE_MAP, extents.toString().getBytes(StandardCharsets.US_ASCII));
    }
    return records;
  }

  private static boolean hasNul(byte[] value) {
    return TarNumbers.indexOf(value, '\0', 0) < value.length;
  }

  /**
   * {@return the value of a key; null if it is empty, which means that the header's value applies}
   */
  byte @Nullable [] find(String key) {
    byte[] value = values.get(key);
    return value == null || value.length == 0 ? null : value;
  }

  /** {@return the value of a key, or another one if it is empty} */
  byte[] find(String key, byte[] otherwise) {
    byte[] value = find(key);
    return value == null ? otherwise : value;
  }

  /** {@return the value of a key as text, or an empty string} */
  String text(String key) {
    byte[] value = values.get(key);
    return value == null ? "" : new String(value, StandardCharsets.ISO_8859_1);
  }

  Map<String, byte[]> all() {
    return values;
  }
}
