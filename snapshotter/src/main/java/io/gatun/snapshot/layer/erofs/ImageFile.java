package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.NativeBuffer;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.root.Disk;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;

/** Writes a file sequentially and hashes it. */
public final class ImageFile implements AutoCloseable {

  /** The most that a sink receives at once. */
  public static final int BUFFER_BYTES = 1 << 16;

  private final Sink sink;
  private final NativeBuffer memory = new NativeBuffer(BUFFER_BYTES);
  private final ByteBuffer buffer = memory.buffer().duplicate().order(ByteOrder.LITTLE_ENDIAN);
  private final MessageDigest hash = Digest.sha256();
  private long flushed;

  /** Receives the content of the file. */
  @FunctionalInterface
  public interface Sink {
    /**
     * {@return how many bytes of the buffer were taken}
     *
     * @param offset the end of the previous write
     */
    int write(ByteBuffer from, long offset) throws ErrnoException;
  }

  public ImageFile(Sink sink) {
    this.sink = sink;
  }

  public ImageFile(Disk disk, Fd file) {
    this((from, offset) -> disk.write(file, from, offset));
  }

  public long position() {
    return flushed + buffer.position();
  }

  public void put(byte[] bytes, int from, int length) throws ErrnoException {
    int done = 0;
    while (done < length) {
      reserve(1);
      int part = Math.min(length - done, buffer.remaining());
      buffer.put(bytes, from + done, part);
      done += part;
    }
  }

  public void put(byte[] bytes) throws ErrnoException {
    put(bytes, 0, bytes.length);
  }

  void putByte(int value) throws ErrnoException {
    reserve(Byte.BYTES);
    buffer.put((byte) value);
  }

  void putShort(int value) throws ErrnoException {
    reserve(Short.BYTES);
    buffer.putShort((short) value);
  }

  public void putInt(int value) throws ErrnoException {
    reserve(Integer.BYTES);
    buffer.putInt(value);
  }

  void putLong(long value) throws ErrnoException {
    reserve(Long.BYTES);
    buffer.putLong(value);
  }

  /** Pads with zeros up to an offset, which must not be behind the position. */
  public void padTo(long offset) throws ErrnoException {
    if (offset < position()) {
      throw new AssertionError("index is at %d, beyond %d".formatted(position(), offset));
    }
    while (position() < offset) {
      putByte(0);
    }
  }

  private void reserve(int bytes) throws ErrnoException {
    if (buffer.remaining() < bytes) {
      flush();
    }
  }

  /** Writes the buffered content. */
  public void flush() throws ErrnoException {
    buffer.flip();
    hash.update(buffer.duplicate());
    while (buffer.hasRemaining()) {
      flushed += sink.write(buffer, flushed);
    }
    buffer.clear();
  }

  /** {@return the digest of all content; may be called once} */
  public Digest digest() {
    return Digest.of(hash);
  }

  @Override
  public void close() {
    memory.close();
  }
}
