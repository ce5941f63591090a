package io.gatun.linux.file;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.LONG;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.offset;
import static io.gatun.linux.NativeCall.systemCall;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.SystemCall;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads directories with getdents64(2): many names per call, with their types.
 *
 * <p>The descriptor holds the read position, which lets one reader serve several directories in
 * turn. A reader has one buffer and is not thread-safe.
 *
 * <pre>{@code
 * for (var batch = reader.next(directory); !batch.isEmpty(); batch = reader.next(directory)) {
 *   for (DirectoryEntry entry : batch) { ... }
 * }
 * }</pre>
 */
public final class DirectoryReader {

  /** Some thousand names; a larger buffer makes no measurable difference. */
  public static final int DEFAULT_BUFFER_BYTES = 64 << 10;

  /** The size of the longest possible entry. */
  private static final int MIN_BUFFER_BYTES = Math.toIntExact(Abi.DIRENT64.byteSize());

  private static final MethodHandle GETDENTS64 =
      systemCall(SystemCall.SYS_getdents64, INT, POINTER, LONG);

  private static final int INODE = (int) offset(Abi.DIRENT64, "d_ino");
  private static final int LENGTH = (int) offset(Abi.DIRENT64, "d_reclen");
  private static final int TYPE = (int) offset(Abi.DIRENT64, "d_type");
  private static final int NAME = (int) offset(Abi.DIRENT64, "d_name");

  private final ByteBuffer buffer;

  public DirectoryReader() {
    this(DEFAULT_BUFFER_BYTES);
  }

  /**
   * @throws IllegalArgumentException if the buffer is too small for the longest name
   */
  public DirectoryReader(int bufferBytes) {
    if (bufferBytes < MIN_BUFFER_BYTES) {
      throw new IllegalArgumentException("buffer of " + bufferBytes + " bytes is too small");
    }
    this.buffer = ByteBuffer.allocateDirect(bufferBytes).order(ByteOrder.nativeOrder());
  }

  /**
   * {@return the next names, in no particular order; empty at the end of the directory} Names added
   * or removed after the directory was opened may be included; btrfs never includes added ones. To
   * see them, rewind the descriptor or open another.
   *
   * @param directory open for reading, not with {@link OpenFlag#PATH}
   */
  public List<DirectoryEntry> next(Fd directory) throws ErrnoException {
    List<DirectoryEntry> entries = new ArrayList<>();
    // A batch of only "." and ".." is not the end.
    while (entries.isEmpty() && fill(directory)) {
      for (int at = 0;
          at < buffer.limit();
          at += Short.toUnsignedInt(buffer.getShort(at + LENGTH))) {
        addTo(entries, at);
      }
    }
    return entries;
  }

  /** {@return all names from the descriptor's position, in no particular order} */
  public List<DirectoryEntry> all(Fd directory) throws ErrnoException {
    List<DirectoryEntry> entries = next(directory);
    for (var more = entries; !more.isEmpty(); ) {
      more = next(directory);
      entries.addAll(more);
    }
    return entries;
  }

  private boolean fill(Fd directory) throws ErrnoException {
    int fd = directory.number();
    buffer.clear();
    long result =
        Buffers.fill(
            buffer,
            (state, memory) -> (long) GETDENTS64.invokeExact(state, fd, memory, memory.byteSize()));
    check("getdents64", result, directory);
    buffer.flip();
    return buffer.hasRemaining();
  }

  private void addTo(List<DirectoryEntry> entries, int at) {
    int start = at + NAME;
    int end = start;
    while (buffer.get(end) != 0) {
      end++;
    }
    if (isDots(start, end)) {
      return;
    }
    byte[] name = new byte[end - start];
    buffer.get(start, name);
    entries.add(
        new DirectoryEntry(
            LinuxPath.wrap(name),
            NodeType.ofDirectoryEntry(buffer.get(at + TYPE)),
            buffer.getLong(at + INODE)));
  }

  private boolean isDots(int start, int end) {
    return buffer.get(start) == '.'
        && (end - start == 1 || (end - start == 2 && buffer.get(start + 1) == '.'));
  }
}
