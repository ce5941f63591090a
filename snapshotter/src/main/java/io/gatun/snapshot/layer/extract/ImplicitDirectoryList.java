package io.gatun.snapshot.layer.extract;

import io.gatun.linux.LinuxPath;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;

/**
 * Unnamed directories of a layer, each before what is in it, in as few bytes as they need, since an
 * image decides how many there are and they are kept until the snapshot is committed.
 *
 * <p>Each is a byte, which says what it inherits; an int, how many bytes of its path are those with
 * which the path of the one before begins; an int, how many others follow; and these. Ints have
 * seven bits a byte, the lowest first, and the highest bit of a byte says that there are more.
 */
public final class ImplicitDirectoryList implements Iterable<ImplicitDirectory> {

  public static final ImplicitDirectoryList EMPTY = new ImplicitDirectoryList(new byte[0]);

  /** Some 50,000 of the usual depth and length of names. */
  private static final int BYTES_MAX = 1 << 20;

  private static final int BITS = 7;
  private static final int MORE = 1 << BITS;
  private static final int INT_BYTES_MAX = 5;

  private final byte[] bytes;

  private ImplicitDirectoryList(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * {@return the list that {@link #bytes} once gave}
   *
   * @throws IllegalArgumentException if these bytes are none
   */
  public static ImplicitDirectoryList ofBytes(byte[] bytes) {
    ImplicitDirectoryList list = new ImplicitDirectoryList(bytes.clone());
    for (ImplicitDirectory each : list) {
      if (each.path().isEmpty()) {
        throw new IllegalArgumentException("a directory without a path");
      }
    }
    return list;
  }

  /** {@return it as it can be kept} */
  public byte[] bytes() {
    return bytes.clone();
  }

  /** {@return how many bytes it takes} */
  public int sizeBytes() {
    return bytes.length;
  }

  public boolean isEmpty() {
    return bytes.length == 0;
  }

  @Override
  public Iterator<ImplicitDirectory> iterator() {
    return new Cursor(ByteBuffer.wrap(bytes));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ImplicitDirectoryList that && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  private static final class Cursor implements Iterator<ImplicitDirectory> {
    private final ByteBuffer left;
    private byte[] path = new byte[0];

    Cursor(ByteBuffer left) {
      this.left = left;
    }

    @Override
    public boolean hasNext() {
      return left.hasRemaining();
    }

    @Override
    public ImplicitDirectory next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      ImplicitDirectory.Inherited inherited = ImplicitDirectory.Inherited.ofCode(left.get());
      int shared = getInt();
      int rest = getInt();
      if (inherited == null || shared > path.length || rest > left.remaining()) {
        throw new IllegalArgumentException("no list of unnamed directories");
      }
      path = Arrays.copyOf(path, shared + rest);
      left.get(path, shared, rest);
      return new ImplicitDirectory(LinuxPath.ofBytes(path), inherited);
    }

    private int getInt() {
      int number = 0;
      for (int i = 0; i < INT_BYTES_MAX && left.hasRemaining(); i++) {
        int each = left.get();
        number |= (each & (MORE - 1)) << (i * BITS);
        if ((each & MORE) == 0 && number >= 0) {
          return number;
        }
      }
      throw new IllegalArgumentException("no list of unnamed directories");
    }
  }

  /** Collects a list. */
  public static final class Builder {
    private final int bytesMax;
    private byte[] bytes = new byte[0];
    private int length;
    private byte[] last = new byte[0];
    private boolean isFull;

    public Builder() {
      this(BYTES_MAX);
    }

    Builder(int bytesMax) {
      this.bytesMax = bytesMax;
    }

    /** Adds one; all above it that are unnamed were added before. */
    public void add(LinuxPath path, ImplicitDirectory.Inherited inherited) {
      if (isFull) {
        return;
      }
      byte[] next = path.bytes();
      int mismatch = Arrays.mismatch(last, next);
      int shared = mismatch < 0 ? next.length : mismatch;
      int rest = next.length - shared;
      int needed = 1 + 2 * INT_BYTES_MAX + rest;
      if (length + needed > bytesMax) {
        isFull = true;
        bytes = new byte[0];
        return;
      }
      if (length + needed > bytes.length) {
        bytes = Arrays.copyOf(bytes, Math.min(bytesMax, 2 * bytes.length + needed));
      }
      bytes[length++] = inherited.code();
      putInt(shared);
      putInt(rest);
      System.arraycopy(next, shared, bytes, length, rest);
      length += rest;
      last = next;
    }

    private void putInt(int number) {
      int left = number;
      while (left >= MORE) {
        bytes[length++] = (byte) (left | MORE);
        left >>>= BITS;
      }
      bytes[length++] = (byte) left;
    }

    /** {@return the list, unless there are more than can be kept} */
    public Optional<ImplicitDirectoryList> build() {
      if (isFull) {
        return Optional.empty();
      }
      return Optional.of(
          length == 0 ? EMPTY : new ImplicitDirectoryList(Arrays.copyOf(bytes, length)));
    }
  }
}
