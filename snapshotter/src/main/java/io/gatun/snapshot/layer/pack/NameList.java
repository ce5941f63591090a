package io.gatun.snapshot.layer.pack;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import java.util.Arrays;
import java.util.List;

/**
 * The sorted names of a directory in compact form: the length in one byte, since names have at most
 * 255 bytes, followed by the bytes.
 */
final class NameList {

  private static final int BYTES_MIN = 256;
  private static final int NAMES_MIN = 16;

  private final MemoryBudget budget;
  private byte[] bytes = new byte[BYTES_MIN];
  private int[] starts = new int[NAMES_MIN];
  private int used;
  private int count;
  private int next;

  private NameList(MemoryBudget budget) {
    this.budget = budget;
    budget.take(takenBytes());
  }

  /**
   * {@return the names in a directory}
   *
   * @param directory just opened
   * @throws UnsupportedLayerException if they exceed the budget
   */
  static NameList read(Fd directory, DirectoryReader reader, MemoryBudget budget)
      throws ErrnoException, UnsupportedLayerException {
    NameList names = new NameList(budget);
    for (List<DirectoryEntry> batch = reader.next(directory);
        !batch.isEmpty();
        batch = reader.next(directory)) {
      for (DirectoryEntry entry : batch) {
        names.add(entry.name().bytes());
      }
      budget.check("a directory with more than %d names".formatted(names.count));
    }
    names.sort();
    return names;
  }

  boolean isAtEnd() {
    return next == count;
  }

  LinuxPath next() {
    int start = starts[next++];
    int length = bytes[start] & 0xff;
    return LinuxPath.ofBytes(Arrays.copyOfRange(bytes, start + 1, start + 1 + length));
  }

  void release() {
    budget.give(takenBytes());
  }

  private long takenBytes() {
    return bytes.length + (long) Integer.BYTES * starts.length;
  }

  private void add(byte[] name) {
    long before = takenBytes();
    if (used + 1 + name.length > bytes.length) {
      bytes = Arrays.copyOf(bytes, bytes.length + bytes.length / 2 + BYTES_MIN);
    }
    if (count == starts.length) {
      starts = Arrays.copyOf(starts, starts.length + starts.length / 2);
    }
    budget.take(takenBytes() - before);
    starts[count++] = used;
    bytes[used++] = (byte) name.length;
    System.arraycopy(name, 0, bytes, used, name.length);
    used += name.length;
  }

  /** A bottom-up merge sort, which needs only one more array of numbers. */
  private void sort() {
    int[] from = Arrays.copyOf(starts, count);
    int[] to = new int[count];
    for (int width = 1; width < count; width *= 2) {
      for (int left = 0; left < count; left += 2 * width) {
        merge(from, to, left, Math.min(left + width, count), Math.min(left + 2 * width, count));
      }
      int[] swapped = from;
      from = to;
      to = swapped;
    }
    System.arraycopy(from, 0, starts, 0, count);
  }

  private void merge(int[] from, int[] to, int left, int middle, int end) {
    int first = left;
    int second = middle;
    for (int i = left; i < end; i++) {
      boolean isFirst =
          second == end || (first < middle && compare(from[first], from[second]) <= 0);
      to[i] = isFirst ? from[first++] : from[second++];
    }
  }

  private int compare(int one, int other) {
    return Arrays.compareUnsigned(
        bytes,
        one + 1,
        one + 1 + (bytes[one] & 0xff),
        bytes,
        other + 1,
        other + 1 + (bytes[other] & 0xff));
  }
}
