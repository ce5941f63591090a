package io.gatun.bench;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.FileBlob;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalLong;

/**
 * A layer of realistic data: the JDK's modules file, cut into files. It compresses to about two
 * fifths, like programs.
 */
final class SampleLayer {

  private static final Path MODULES = Path.of(System.getProperty("java.home"), "lib", "modules");
  private static final int BUFFER_BYTES = 1 << 16;
  private static final int BLOCK_BYTES = 512;

  /** The digest is never compared. */
  private static final Digest ANY_DIGEST = new Digest("sha256:" + "0".repeat(64));

  private SampleLayer() {}

  /**
   * Writes a layer.
   *
   * @param sizeBytes the total size of its files
   * @param fileBytes the size of each file
   */
  static Path write(Path directory, LayerForm form, long sizeBytes, int fileBytes)
      throws IOException {
    Path path = directory.resolve("layer");
    try (InputStream content = Files.newInputStream(MODULES);
        OutputStream file = new BufferedOutputStream(Files.newOutputStream(path), BUFFER_BYTES);
        OutputStream tar = form.compress(file)) {
      for (long at = 0; at < sizeBytes; at += fileBytes) {
        int length = (int) Math.min(fileBytes, sizeBytes - at);
        tar.write(header("usr/lib/" + at / fileBytes, length));
        copy(content, tar, length);
        tar.write(new byte[-length & (BLOCK_BYTES - 1)]);
      }
      tar.write(new byte[2 * BLOCK_BYTES]);
    }
    return path;
  }

  /** {@return the layer, as if it were complete in containerd's store} */
  static FileBlob open(Path path) throws IOException {
    return FileBlob.open(path, ANY_DIGEST, OptionalLong.empty(), true);
  }

  private static void copy(InputStream from, OutputStream to, int length) throws IOException {
    byte[] part = new byte[BUFFER_BYTES];
    for (int at = 0; at < length; ) {
      int read = from.read(part, 0, Math.min(part.length, length - at));
      if (read < 0) {
        throw new IOException(MODULES + " is too short for the layer");
      }
      to.write(part, 0, read);
      at += read;
    }
  }

  /** A POSIX header; unset fields are zero. */
  private static byte[] header(String name, int sizeBytes) {
    byte[] block = new byte[BLOCK_BYTES];
    put(block, 0, name);
    put(block, 100, "0000644");
    put(block, 108, "0000000");
    put(block, 116, "0000000");
    put(block, 124, "%011o".formatted(sizeBytes));
    put(block, 136, "00000000000");
    put(block, 148, "        0");
    put(block, 257, "ustar");
    put(block, 263, "00");
    int sum = 0;
    for (byte value : block) {
      sum += value & 0xff;
    }
    Arrays.fill(block, 148, 156, (byte) 0);
    put(block, 148, "%06o".formatted(sum));
    return block;
  }

  private static void put(byte[] block, int at, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(bytes, 0, block, at, bytes.length);
  }
}
