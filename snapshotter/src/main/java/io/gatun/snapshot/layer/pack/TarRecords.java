package io.gatun.snapshot.layer.pack;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * The records of an extended header: {@code LENGTH KEY=VALUE\n}, where the length includes itself
 * (pax(1), "pax Extended Header"). Values are any bytes.
 */
final class TarRecords {

  /** The blank, the equals sign and the line feed. */
  private static final int MARKS = 3;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  void clear() {
    bytes.reset();
  }

  boolean isEmpty() {
    return bytes.size() == 0;
  }

  byte[] bytes() {
    return bytes.toByteArray();
  }

  void add(String key, byte[] value) {
    add(key, new byte[0], value);
  }

  /** Adds a record with a key in two parts. */
  void add(String prefix, byte[] key, byte[] value) {
    int length = prefix.length() + key.length + value.length + MARKS;
    int whole = length + digits(length);
    // The digits of the length may add another digit to the length.
    whole = length + digits(whole);
    write(Integer.toString(whole));
    write(" ");
    write(prefix);
    bytes.writeBytes(key);
    write("=");
    bytes.writeBytes(value);
    write("\n");
  }

  private void write(String ascii) {
    bytes.writeBytes(ascii.getBytes(StandardCharsets.US_ASCII));
  }

  private static int digits(int number) {
    return Integer.toString(number).length();
  }
}
