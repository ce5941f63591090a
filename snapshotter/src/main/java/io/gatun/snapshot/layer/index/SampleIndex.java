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
import java.util.Optional;

/** A built-in tar with one file of two blocks, and its index. */
public final class SampleIndex implements SampleLayer {

  private static final long RESIDENT_BYTES = 1 << 20;
  private static final int FILE_MODE = 0600;
  private static final int NAME_BYTES = 100;
  private static final int CHECKSUM_BYTES = 8;

  private static final int CONTENT_BYTES = 2 * Erofs.BLOCK_BYTES;

  /** A tar ends with two blocks of zeros. */
  private static final int TAR_BYTES = Erofs.BLOCK_BYTES + CONTENT_BYTES + 2 * Erofs.BLOCK_BYTES;

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

  /** struct posix_header, tar(5): numbers are octal, and the checksum counts itself as spaces. */
  private byte[] tar() {
    String nameToTime =
        FILE
            + "\0".repeat(NAME_BYTES - FILE.length())
            + "0000644\0"
            + "0000000\0".repeat(2)
            + "%011o\0%011o\0".formatted(CONTENT_BYTES, 0);
    String typeToVersion = "0" + "\0".repeat(NAME_BYTES) + "ustar\00000";
    int sum = (nameToTime + " ".repeat(CHECKSUM_BYTES) + typeToVersion).chars().sum();
    String header = nameToTime + "%07o\0".formatted(sum) + typeToVersion;
    return ByteBuffer.allocate(TAR_BYTES)
        .put(header.getBytes(StandardCharsets.US_ASCII))
        .put(Erofs.BLOCK_BYTES, content())
        .array();
  }

  private static Digest diffId(byte[] tar) {
    MessageDigest hash = Digest.sha256();
    hash.update(tar);
    return Digest.of(hash);
  }
}
