package io.gatun.server;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import java.util.zip.GZIPOutputStream;

/**
 * Writes layers like those of distributions: many small files, some large ones, links and
 * directories, and occasionally a long name, an extended attribute or a whiteout, in a
 * gzip-compressed pax tar (POSIX.1-2001). It imitates the variety of real layers, not their size,
 * so that reading one exercises the same code.
 */
public final class SyntheticLayer {

  private static final int BLOCK_BYTES = 512;
  private static final int COMPRESSED_BYTES = 64 << 10;
  private static final int NAME_FIELD_BYTES = 100;

  private static final int DEPTH_MAX = 7;
  private static final int LONG_NAME_BYTES = 120;

  // Each occurs once in this many entries.
  private static final int DIRECTORY_EVERY = 12;
  private static final int IMPLICIT_EVERY = 20;
  private static final int SYMBOLIC_LINK_EVERY = 10;
  private static final int HARD_LINK_EVERY = 50;
  private static final int LONG_NAME_EVERY = 60;
  private static final int XATTR_EVERY = 200;
  private static final int WHITEOUT_EVERY = 200;
  private static final int LARGE_EVERY = 200;

  private static final String[] NAME_STARTS = {"", "lib", "python3-", ".", "+", "0", "Z", "_"};

  private final int smallBytesMax;
  private final int largeBytes;
  private final Random random;
  private final OutputStream tar;
  private final Deque<String> directories = new ArrayDeque<>();
  private String lastFile = "";
  private int entries;

  private SyntheticLayer(int number, int smallBytesMax, int largeBytes, OutputStream tar) {
    this.smallBytesMax = smallBytesMax;
    this.largeBytes = largeBytes;
    this.random = new Random(number);
    this.tar = tar;
  }

  /**
   * Writes a compressed layer.
   *
   * @param number the seed: equal numbers give equal layers
   * @param entries the number of entries
   * @param smallBytesMax the size limit of most files
   * @param largeBytes the size of the others
   */
  public static void write(
      int number, int entries, int smallBytesMax, int largeBytes, OutputStream into)
      throws IOException {
    GZIPOutputStream tar = new GZIPOutputStream(into, COMPRESSED_BYTES);
    SyntheticLayer layer = new SyntheticLayer(number, smallBytesMax, largeBytes, tar);
    while (layer.entries < entries) {
      layer.next();
    }
    tar.write(new byte[2 * BLOCK_BYTES]);
    tar.finish();
  }

  private void next() throws IOException {
    if (entries == 0 || happensOnceIn(DIRECTORY_EVERY)) {
      changeDirectory();
    } else if (happensOnceIn(SYMBOLIC_LINK_EVERY)) {
      entry(path(), '2', 0777, new byte[0], "../" + name());
    } else if (!lastFile.isEmpty() && happensOnceIn(HARD_LINK_EVERY)) {
      entry(path(), '1', 0644, new byte[0], lastFile);
    } else if (happensOnceIn(WHITEOUT_EVERY)) {
      entry(directory() + ".wh." + name(), '0', 0, new byte[0], "");
    } else {
      addFile();
    }
  }

  private void changeDirectory() throws IOException {
    while (directories.size() == DEPTH_MAX || (!directories.isEmpty() && random.nextBoolean())) {
      directories.pop();
    }
    String path = path() + "/";
    directories.push(path);
    if (!happensOnceIn(IMPLICIT_EVERY)) {
      entry(path, '5', 0755, new byte[0], "");
    }
  }

  private void addFile() throws IOException {
    String path = path();
    if (happensOnceIn(LONG_NAME_EVERY)) {
      path += "x".repeat(LONG_NAME_BYTES);
    } else if (path.length() <= NAME_FIELD_BYTES) {
      lastFile = path;
    }
    int bytes = happensOnceIn(LARGE_EVERY) ? largeBytes : random.nextInt(smallBytesMax);
    entry(path, '0', 0644, content(bytes), "");
  }

  private boolean happensOnceIn(int count) {
    return random.nextInt(count) == 0;
  }

  private String directory() {
    return directories.isEmpty() ? "" : directories.peek();
  }

  private String path() {
    return directory() + name();
  }

  private String name() {
    return NAME_STARTS[random.nextInt(NAME_STARTS.length)] + "name" + entries;
  }

  /** {@return content that compresses to about half, as programs do} */
  private byte[] content(int bytes) {
    byte[] content = new byte[bytes];
    for (int at = 0; at < bytes; at++) {
      content[at] = (byte) ('a' + random.nextInt(16));
    }
    return content;
  }

  private void entry(String path, char type, int mode, byte[] content, String target)
      throws IOException {
    StringBuilder records = new StringBuilder();
    if (path.length() > NAME_FIELD_BYTES) {
      addRecord(records, "path=" + path);
    }
    if (happensOnceIn(XATTR_EVERY) && type == '0') {
      addRecord(records, "SCHILY.xattr.user.name=value");
    }
    if (!records.isEmpty()) {
      header("pax", 'x', 0644, records.length(), "");
      padded(records.toString().getBytes(US_ASCII));
    }
    header(path, type, mode, content.length, target);
    padded(content);
    entries++;
  }

  /** Each record starts with its own length, which includes its digits. */
  private static void addRecord(StringBuilder records, String record) {
    int others = record.length() + 2;
    int length = others + Integer.toString(others).length();
    length = others + Integer.toString(length).length();
    records.append(length).append(' ').append(record).append('\n');
  }

  private void padded(byte[] bytes) throws IOException {
    tar.write(bytes);
    tar.write(new byte[-bytes.length & (BLOCK_BYTES - 1)]);
  }

  private void header(String name, char type, int mode, long bytes, String target)
      throws IOException {
    byte[] block = new byte[BLOCK_BYTES];
    put(block, 0, name.substring(0, Math.min(name.length(), NAME_FIELD_BYTES)));
    put(block, 100, "%07o".formatted(mode));
    put(block, 108, "%07o".formatted(0));
    put(block, 116, "%07o".formatted(0));
    put(block, 124, "%011o".formatted(bytes));
    put(block, 136, "%011o".formatted(1_700_000_000 + random.nextInt(1_000)));
    put(block, 148, "        ");
    put(block, 156, String.valueOf(type));
    put(block, 157, target);
    put(block, 257, "ustar");
    put(block, 263, "00");
    int sum = 0;
    for (byte each : block) {
      sum += each & 0xff;
    }
    put(block, 148, "%06o".formatted(sum));
    block[154] = 0;
    tar.write(block);
  }

  private static void put(byte[] block, int at, String text) {
    byte[] bytes = text.getBytes(US_ASCII);
    System.arraycopy(bytes, 0, block, at, bytes.length);
  }
}
