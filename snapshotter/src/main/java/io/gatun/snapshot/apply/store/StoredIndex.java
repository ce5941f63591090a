package io.gatun.snapshot.apply.store;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.NativeBuffer;
import io.gatun.linux.Stat;
import io.gatun.linux.Unistd;
import io.gatun.snapshot.apply.BufferHash;
import io.gatun.snapshot.apply.Digest;
import io.gatun.snapshot.apply.index.IndexCopy;
import java.nio.ByteBuffer;
import java.util.Optional;

/** An index of the store, all of it in memory. */
final class StoredIndex implements AutoCloseable {

  /** As much as an apply keeps of a tree. What is larger takes its time in any case. */
  static final long BYTES_MAX = IndexMaking.RESIDENT_BYTES;

  private final NativeBuffer memory;

  private StoredIndex(NativeBuffer memory) {
    this.memory = memory;
  }

  /** {@return an index, to be closed by the caller; nothing if it is too large, or damaged} */
  static Optional<StoredIndex> read(Fd file, Digest digest) throws ErrnoException {
    long sizeBytes = Stat.statx(file).sizeBytes();
    if (sizeBytes > BYTES_MAX) {
      return Optional.empty();
    }
    StoredIndex index = new StoredIndex(new NativeBuffer((int) sizeBytes));
    boolean isWhole = false;
    try {
      isWhole = index.fill(file) && index.digest().equals(digest);
      return isWhole ? Optional.of(index) : Optional.empty();
    } finally {
      if (!isWhole) {
        index.close();
      }
    }
  }

  private boolean fill(Fd file) throws ErrnoException {
    ByteBuffer left = memory.buffer().duplicate();
    while (left.hasRemaining()) {
      if (Unistd.pread(file, left, left.position()) == 0) {
        return false;
      }
    }
    return true;
  }

  private Digest digest() {
    BufferHash hash = new BufferHash();
    hash.update(memory.buffer().duplicate());
    return hash.finish();
  }

  /** {@return what can become another index, in this memory} */
  Optional<IndexCopy> copy() {
    return IndexCopy.of(memory.buffer());
  }

  @Override
  public void close() {
    memory.close();
  }
}
