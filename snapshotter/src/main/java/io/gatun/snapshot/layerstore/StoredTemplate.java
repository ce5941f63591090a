package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.NativeBuffer;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.codec.BufferHash;
import io.gatun.snapshot.layer.index.ImageTemplate;
import java.nio.ByteBuffer;
import java.util.Optional;

/** A stored index, loaded into memory, from which another index can be derived. */
final class StoredTemplate implements AutoCloseable {

  /** The memory limit of a tree in an apply. Indexes of more than about 60,000 files are larger. */
  private static final long BYTES_MAX = IndexSink.RESIDENT_BYTES;

  private final NativeBuffer memory;
  private final ImageTemplate copy;

  private StoredTemplate(NativeBuffer memory, ImageTemplate copy) {
    this.memory = memory;
    this.copy = copy;
  }

  /**
   * {@return the index, to be closed by the caller; empty if too large, damaged or not adaptable}
   */
  static Optional<StoredTemplate> read(Fd file, Digest digest) throws ErrnoException {
    long sizeBytes = Stat.statx(file).sizeBytes();
    if (sizeBytes > BYTES_MAX) {
      return Optional.empty();
    }
    NativeBuffer memory = new NativeBuffer((int) sizeBytes);
    Optional<ImageTemplate> copy = Optional.empty();
    try {
      ByteBuffer content = memory.buffer();
      if (fill(content.duplicate(), file)) {
        copy = ImageTemplate.of(content).filter(_ -> hash(content.duplicate()).equals(digest));
      }
      return copy.map(found -> new StoredTemplate(memory, found));
    } finally {
      if (copy.isEmpty()) {
        memory.close();
      }
    }
  }

  private static boolean fill(ByteBuffer left, Fd file) throws ErrnoException {
    while (left.hasRemaining()) {
      if (Unistd.pread(file, left, left.position()) == 0) {
        return false;
      }
    }
    return true;
  }

  private static Digest hash(ByteBuffer content) {
    BufferHash hash = new BufferHash();
    hash.update(content);
    return hash.finish();
  }

  ImageTemplate copy() {
    return copy;
  }

  @Override
  public void close() {
    memory.close();
  }
}
