package io.gatun.snapshot.layer.codec;

import io.gatun.linux.NativeBuffer;
import io.gatun.snapshot.layer.BlobSource;
import io.gatun.snapshot.layer.Compression;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Decompresses blobs, one after the other: gzip with any number of members, zstd with any number of
 * frames, or uncompressed ones unchanged. Only another member or frame may follow the last one,
 * nothing is skipped, and every checksum is verified.
 *
 * <p>Refuses data after the last gzip member, even zeros. containerd's own decoder, that of Go,
 * fails as well, but unpigz(1) and igzip(1), which it uses where they are installed, silently drop
 * the rest including further members: such a blob would be valid on one node and not on another.
 *
 * <p>Not thread-safe. Uses {@value #INPUT_BYTES} bytes for input, and up to 8.5 MiB more for zstd,
 * until it is closed; a failed blob does not affect the next one.
 */
public final class BlobDecoder implements AutoCloseable {

  static final int INPUT_BYTES = 64 << 10;

  private static final BlobSource NOTHING = into -> -1;

  private final GzipEngine gzipEngine;
  private final NativeBuffer memory = new NativeBuffer(INPUT_BYTES);

  /** In the memory above, or lent by the source. */
  private ByteBuffer input = memory.buffer();

  /** Those that were needed so far. */
  private final Map<Compression, Decompressor> decompressors = new EnumMap<>(Compression.class);

  private BlobSource source = NOTHING;
  private boolean sourceEnded;
  private long readBytes;
  private @Nullable Compression compression;
  private boolean isWithinUnit;

  public BlobDecoder(GzipEngine gzipEngine) {
    this.gzipEngine = gzipEngine;
  }

  /** Begins another blob, whatever the state of the last one. */
  public void start(BlobSource blob) {
    source = blob;
    sourceEnded = false;
    readBytes = 0;
    input = memory.buffer().limit(0);
    compression = null;
    isWithinUnit = false;
  }

  /**
   * Fills a buffer with the next data. Space is left if and only if the blob has ended correctly
   * and the source has been read to its end.
   *
   * @param output direct
   * @throws InvalidLayerException if the blob is damaged or truncated, with the offset
   * @throws UnsupportedLayerException if it cannot be decompressed here
   * @throws IOException from the source
   */
  public void decode(ByteBuffer output) throws IOException {
    Compression known = compression;
    if (known == null) {
      fillHead();
      known = Compression.of(input);
      compression = known;
    }
    switch (known) {
      case NONE -> copy(output);
      case GZIP, ZSTD -> decompress(known, decompressor(known), output);
    }
  }

  private Decompressor decompressor(Compression known) throws UnsupportedLayerException {
    Decompressor decompressor = decompressors.get(known);
    if (decompressor == null) {
      decompressor = known == Compression.GZIP ? gzipEngine.open() : new ZstdFrames();
      decompressors.put(known, decompressor);
    }
    return decompressor;
  }

  private void copy(ByteBuffer output) throws IOException {
    int head = Math.min(input.remaining(), output.remaining());
    output.put(output.position(), input, input.position(), head);
    output.position(output.position() + head);
    input.position(input.position() + head);
    while (output.hasRemaining() && read(output)) {}
  }

  private void decompress(Compression known, Decompressor decompressor, ByteBuffer output)
      throws IOException {
    while (output.hasRemaining()) {
      if (!isWithinUnit) {
        fillHead();
        if (!input.hasRemaining()) {
          return;
        }
        if (Compression.of(input) != known) {
          throw invalid("%s is followed by other data".formatted(decompressor.unit()), null);
        }
        decompressor.begin();
        isWithinUnit = true;
      }
      int roomBefore = output.remaining();
      int inputBefore = input.remaining();
      isWithinUnit = !decompress(decompressor, output);
      boolean hasMoved = output.remaining() < roomBefore || input.remaining() < inputBefore;
      if (isWithinUnit && !hasMoved) {
        requireMoreInput(decompressor);
      }
    }
  }

  private boolean decompress(Decompressor decompressor, ByteBuffer output) throws IOException {
    try {
      return decompressor.decompress(input, output);
    } catch (Decompressor.CorruptStreamException e) {
      throw invalid("%s is damaged: %s".formatted(decompressor.unit(), e.getMessage()), e);
    }
  }

  private void requireMoreInput(Decompressor decompressor) throws IOException {
    if (input.hasRemaining()) {
      throw invalid(decompressor.unit() + " makes no progress", null);
    }
    if (!sourceEnded) {
      input = source.next(memory.buffer());
      sourceEnded = !input.hasRemaining();
      readBytes += input.remaining();
    }
    if (!input.hasRemaining()) {
      throw invalid(decompressor.unit() + " is truncated", null);
    }
  }

  /** Reads enough to recognize the compression of the next data, unless the blob ends. */
  private void fillHead() throws IOException {
    if (input.remaining() >= Compression.HEAD_BYTES) {
      return;
    }
    ByteBuffer rest = input.duplicate();
    input = memory.buffer().clear();
    input.put(rest);
    while (input.position() < Compression.HEAD_BYTES && read(input)) {}
    input.flip();
  }

  private boolean read(ByteBuffer into) throws IOException {
    if (sourceEnded) {
      return false;
    }
    int read = source.read(into);
    if (read == 0) {
      throw new IllegalStateException("the source returned no data before its end");
    }
    if (read < 0) {
      sourceEnded = true;
      return false;
    }
    readBytes += read;
    return true;
  }

  private InvalidLayerException invalid(String what, @Nullable Throwable cause) {
    return new InvalidLayerException(
        "%s, at offset %d of the blob".formatted(what, readBytes - input.remaining()), cause);
  }

  @Override
  public void close() {
    decompressors.values().forEach(Decompressor::close);
    memory.close();
  }
}
