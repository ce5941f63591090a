package io.gatun.training;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Random;
import java.util.zip.GZIPOutputStream;

/**
 * Makes layers like those of distributions: many small files, some large ones, links and
 * directories, in a tar of the ustar form (POSIX.1-1988), compressed by gzip.
 */
final class TrainingLayer {

  private static final int BLOCK_BYTES = 512;
  private static final int COMPRESSED_BYTES = 64 << 10;
  private static final int FILES_PER_DIRECTORY = 20;
  private static final int SMALL_BYTES_MAX = 12 << 10;
  private static final int LARGE_BYTES = 2 << 20;
  private static final int LARGE_EVERY = 200;
  private static final int LINK_EVERY = 10;

  private final Random random;
  private final OutputStream tar;

  private TrainingLayer(int number, OutputStream tar) {
    this.random = new Random(number);
    this.tar = tar;
  }

  /** Writes a compressed layer, the same one for the same number. */
  static void write(int number, int files, OutputStream into) throws IOException {
    GZIPOutputStream tar = new GZIPOutputStream(into, COMPRESSED_BYTES);
    new TrainingLayer(number, tar).write(number, files);
    tar.finish();
  }

  private void write(int number, int files) throws IOException {
    String directory = "";
    for (int file = 0; file < files; file++) {
      if (file % FILES_PER_DIRECTORY == 0) {
        directory = "directory%d/".formatted(file / FILES_PER_DIRECTORY);
        header(directory, '5', 0755, 0, "");
      }
      String name = directory + "file%d-%d".formatted(number, file);
      if (file % LINK_EVERY == LINK_EVERY - 1) {
        header(name, '2', 0777, 0, "file%d-%d".formatted(number, file - 1));
      } else {
        byte[] content = content(file % LARGE_EVERY == 0 ? LARGE_BYTES : smallBytes());
        header(name, '0', 0644, content.length, "");
        tar.write(content);
        tar.write(new byte[-content.length & (BLOCK_BYTES - 1)]);
      }
    }
    tar.write(new byte[2 * BLOCK_BYTES]);
  }

  private int smallBytes() {
    return random.nextInt(SMALL_BYTES_MAX);
  }

  /** Compresses to about a half, as programs do. */
  private byte[] content(int bytes) {
    byte[] content = new byte[bytes];
    for (int at = 0; at < bytes; at++) {
      content[at] = (byte) ('a' + random.nextInt(16));
    }
    return content;
  }

  private void header(String name, char type, int mode, long bytes, String target)
      throws IOException {
    byte[] block = new byte[BLOCK_BYTES];
    put(block, 0, name);
    put(block, 100, "%07o".formatted(mode));
    put(block, 108, "%07o".formatted(0));
    put(block, 116, "%07o".formatted(0));
    put(block, 124, "%011o".formatted(bytes));
    put(block, 136, "%011o".formatted(1_700_000_000));
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
