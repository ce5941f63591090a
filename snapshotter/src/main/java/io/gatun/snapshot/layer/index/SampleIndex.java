package io.gatun.snapshot.layer.index;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.Erofs;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.mount.SampleLayer;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Optional;

/** A built-in tar with one file of two blocks, and its index. */
public final class SampleIndex implements SampleLayer {

  private static final long RESIDENT_BYTES = 1 << 20;
  private static final int FILE_MODE = 0600;

  private static final int CONTENT_BYTES = 2 * Erofs.BLOCK_BYTES;

  /** A tar ends with two blocks of zeros. */
  private static final int TAR_BYTES = Erofs.BLOCK_BYTES + CONTENT_BYTES + 2 * Erofs.BLOCK_BYTES;

  // struct posix_header, tar(5): offsets of fields and lengths of numbers.
  private static final int MODE = 100;
  private static final int UID = 108;
  private static final int GID = 116;
  private static final int SIZE = 124;
  private static final int MTIME = 136;
  private static final int CHECKSUM = 148;
  private static final int TYPE = 156;
  private static final int MAGIC = 257;
  private static final int ID_BYTES = 8;
  private static final int SIZE_BYTES = 12;
  private static final String USTAR = "ustar\00000";

  @Override
  public byte[] content() {
    byte[] content = new byte[CONTENT_BYTES];
    for (int i = 0; i < content.length; i++) {
      content[i] = (byte) (i % 251);
    }
    return content;
  }

  @Override
  public void write(Disk disk, Fd directory, LinuxPath tar, LinuxPath index) throws ErrnoException {
    byte[] bytes = tar();
    try (Fd file = disk.createFile(directory, tar, FILE_MODE)) {
      ByteBuffer left = ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
      while (left.hasRemaining()) {
        disk.write(file, left, left.position());
      }
    }
    ByteBuffer layer = ByteBuffer.wrap(bytes).asReadOnlyBuffer();
    LayerReader reader = new LayerReader(new TarReader(() -> next(layer)));
    try (LayerIndexer indexer =
            new LayerIndexer(
                IndexForm.OVERLAY,
                InheritedAttributes.ofTop(),
                LowerAttributes.NOTHING,
                new Spill(disk, directory),
                RESIDENT_BYTES);
        Fd file = disk.createFile(directory, index, FILE_MODE)) {
      for (Optional<LayerEntry> next = reader.next(); next.isPresent(); next = reader.next()) {
        indexer.entry(next.get(), reader::content);
      }
      indexer.finish(disk, file, diffId(bytes), bytes.length);
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      throw new AssertionError("the sample layer is indexable", e);
    }
  }

  /** Returns everything at once, then nothing. */
  private static ByteBuffer next(ByteBuffer layer) {
    ByteBuffer piece = layer.slice();
    layer.position(layer.limit());
    return piece;
  }

  private byte[] tar() {
    byte[] tar = new byte[TAR_BYTES];
    put(tar, 0, FILE.toString());
    putNumber(tar, MODE, ID_BYTES, 0644);
    putNumber(tar, UID, ID_BYTES, 0);
    putNumber(tar, GID, ID_BYTES, 0);
    putNumber(tar, SIZE, SIZE_BYTES, CONTENT_BYTES);
    putNumber(tar, MTIME, SIZE_BYTES, 0);
    put(tar, TYPE, "0");
    put(tar, MAGIC, USTAR);
    // The checksum field counts as spaces.
    Arrays.fill(tar, CHECKSUM, CHECKSUM + ID_BYTES, (byte) ' ');
    int sum = 0;
    for (int i = 0; i < Erofs.BLOCK_BYTES; i++) {
      sum += tar[i];
    }
    putNumber(tar, CHECKSUM, ID_BYTES, sum);
    byte[] content = content();
    System.arraycopy(content, 0, tar, Erofs.BLOCK_BYTES, content.length);
    return tar;
  }

  /** Octal digits, terminated by a NUL. */
  private static void putNumber(byte[] tar, int at, int length, long number) {
    String digits = Long.toOctalString(number);
    put(tar, at, "0".repeat(length - 1 - digits.length()) + digits + "\0");
  }

  private static void put(byte[] tar, int at, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(bytes, 0, tar, at, bytes.length);
  }

  private static Digest diffId(byte[] tar) {
    MessageDigest hash = Digest.sha256();
    hash.update(tar);
    return Digest.of(hash);
  }
}
