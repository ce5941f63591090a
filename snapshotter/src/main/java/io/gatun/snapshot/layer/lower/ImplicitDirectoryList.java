package io.gatun.snapshot.layer.lower;

import io.gatun.linux.LinuxPath;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;

/**
 * The implicit directories of a layer, parents first. The list is compact because the image decides
 * its length and it is kept until the snapshot is committed.
 *
 * <p>Each directory is encoded as a byte for what it inherits, an int for the number of bytes that
 * its path shares with the start of the previous path, an int for the number of remaining bytes,
 * and those bytes. Ints are varints: seven bits per byte, lowest first, with the highest bit set if
 * more follow.
 */
public final class ImplicitDirectoryList implements Iterable<ImplicitDirectory> {

  public static final ImplicitDirectoryList EMPTY = new ImplicitDirectoryList(new byte[0]);

  /** About 50,000 of the usual depth and name length. */
  private static final int BYTES_MAX = 1 << 20;

  private static final int BITS = 7;
  private static final int MORE = 1 << BITS;
  private static final int INT_BYTES_MAX = 5;

  private final byte[] bytes;

  private ImplicitDirectoryList(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * {@return the list encoded by {@link #bytes}}
   *
   * @throws IllegalArgumentException if the encoding is invalid
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

  /** {@return the encoded list} */
  public byte[] bytes() {
    return bytes.clone();
  }

  /** {@return the length of the encoded list} */
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
        throw new IllegalArgumentException("not a list of implicit directories");
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
      throw new IllegalArgumentException("not a list of implicit directories");
    }
  }

  /** Collects a list. */
  public static final class Builder {
    private final int bytesMax;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private byte[] last = new byte[0];
    private boolean isFull;

    public Builder() {
      this(BYTES_MAX);
    }

    Builder(int bytesMax) {
      this.bytesMax = bytesMax;
    }

    /** Adds a directory, after its implicit parents. */
    public void add(LinuxPath path, ImplicitDirectory.Inherited inherited) {
      if (isFull) {
        return;
      }
      byte[] next = path.bytes();
      int mismatch = Arrays.mismatch(last, next);
      int shared = mismatch < 0 ? next.length : mismatch;
      int rest = next.length - shared;
      if (bytes.size() + 1 + 2 * INT_BYTES_MAX + rest > bytesMax) {
        isFull = true;
        return;
      }
      bytes.write(inherited.code());
      putInt(shared);
      putInt(rest);
      bytes.write(next, shared, rest);
      last = next;
    }

    private void putInt(int number) {
      int left = number;
      while (left >= MORE) {
        bytes.write(left | MORE);
        left >>>= BITS;
      }
      bytes.write(left);
    }

    /** {@return the list; empty if it exceeds the limit} */
    public Optional<ImplicitDirectoryList> build() {
      if (isFull) {
        return Optional.empty();
      }
      return Optional.of(new ImplicitDirectoryList(bytes.toByteArray()));
    }
  }
}
