package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.layer.entry.LayerPath;
import io.gatun.snapshot.layer.lower.ImplicitDirectory;
import io.gatun.snapshot.spill.PagedMemory;
import io.gatun.snapshot.spill.PagedTable;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The data of each directory, found by its path. A page is identified by a number other than 0:
 *
 * <pre>
 *  0  int   the next page in order of creation, or 0
 *  4  byte  whether the directory was created
 *  5  byte  what it inherits, or 0
 *  6  byte  whether its times are to be set
 *  8  int   length of the path of its parent
 * 12  int   length of its path
 * 16  long  seconds of the access time
 * 24  long  seconds of the modification time
 * 32  int   nanoseconds of the access time
 * 36  int   nanoseconds of the modification time
 * 40  its path
 * </pre>
 */
final class DirectoryTable {

  private static final int NEXT = 0;
  private static final int MADE = 4;
  private static final int INHERITED = 5;
  private static final int TIMED = 6;
  private static final int DIRECTORY_LENGTH = 8;
  private static final int LENGTH = 12;
  private static final int ACCESSED_SECONDS = 16;
  private static final int MODIFIED_SECONDS = 24;
  private static final int ACCESSED_NANOS = 32;
  private static final int MODIFIED_NANOS = 36;
  private static final int PATH = 40;

  record Times(Timespec accessed, Timespec modified) {}

  private final PagedMemory memory;
  private final PagedTable pages;
  private int first;
  private int last;

  DirectoryTable(PagedMemory memory) {
    this.memory = memory;
    this.pages = new PagedTable(memory);
  }

  int find(LinuxPath place) throws ErrnoException {
    return find(hash(place), place.bytes());
  }

  private int find(int hash, byte[] path) throws ErrnoException {
    return pages.find(hash, page -> hasPath(page, path));
  }

  private boolean hasPath(int page, byte[] path) throws ErrnoException {
    return memory.getInt(at(page, LENGTH)) == path.length && Arrays.equals(path(page), path);
  }

  /** {@return the page of a directory, created if there was none} */
  int require(LayerPath place) throws ErrnoException {
    LinuxPath whole = place.whole();
    byte[] path = whole.bytes();
    int hash = hash(whole);
    int known = find(hash, path);
    if (known != 0) {
      return known;
    }
    int page = memory.allocate(PATH + path.length);
    memory.putInt(at(page, DIRECTORY_LENGTH), place.directory().length());
    memory.putInt(at(page, LENGTH), path.length);
    memory.put(at(page, PATH), path);
    pages.add(hash, page);
    if (last == 0) {
      first = page;
    } else {
      memory.putInt(at(last, NEXT), page);
    }
    last = page;
    return page;
  }

  int first() {
    return first;
  }

  int next(int page) throws ErrnoException {
    return memory.getInt(at(page, NEXT));
  }

  LayerPath place(int page) throws ErrnoException {
    byte[] path = path(page);
    int length = memory.getInt(at(page, DIRECTORY_LENGTH));
    int name = length == 0 ? 0 : length + 1;
    return new LayerPath(
        LinuxPath.ofBytes(Arrays.copyOf(path, length)),
        LinuxPath.ofBytes(Arrays.copyOfRange(path, name, path.length)));
  }

  private byte[] path(int page) throws ErrnoException {
    byte[] path = new byte[memory.getInt(at(page, LENGTH))];
    memory.get(at(page, PATH), path, path.length);
    return path;
  }

  boolean isMade(int page) throws ErrnoException {
    return memory.getByte(at(page, MADE)) != 0;
  }

  void setMade(int page) throws ErrnoException {
    memory.putByte(at(page, MADE), (byte) 1);
  }

  ImplicitDirectory.@Nullable Inherited inherited(int page) throws ErrnoException {
    return ImplicitDirectory.Inherited.ofCode(memory.getByte(at(page, INHERITED)));
  }

  void setInherited(int page, ImplicitDirectory.@Nullable Inherited inherited)
      throws ErrnoException {
    memory.putByte(at(page, INHERITED), inherited == null ? 0 : inherited.code());
  }

  Optional<Times> times(int page) throws ErrnoException {
    return memory.getByte(at(page, TIMED)) == 0
        ? Optional.empty()
        : Optional.of(
            new Times(
                time(page, ACCESSED_SECONDS, ACCESSED_NANOS),
                time(page, MODIFIED_SECONDS, MODIFIED_NANOS)));
  }

  private Timespec time(int page, int seconds, int nanos) throws ErrnoException {
    return new Timespec(memory.getLong(at(page, seconds)), memory.getInt(at(page, nanos)));
  }

  void setTimes(int page, Timespec accessed, Timespec modified) throws ErrnoException {
    memory.putByte(at(page, TIMED), (byte) 1);
    memory.putLong(at(page, ACCESSED_SECONDS), accessed.seconds());
    memory.putInt(at(page, ACCESSED_NANOS), accessed.nanos());
    memory.putLong(at(page, MODIFIED_SECONDS), modified.seconds());
    memory.putInt(at(page, MODIFIED_NANOS), modified.nanos());
  }

  void forgetTimes(int page) throws ErrnoException {
    memory.putByte(at(page, TIMED), (byte) 0);
  }

  private static int hash(LinuxPath path) {
    return (int) (PathHash.of(path) >>> Integer.SIZE);
  }

  private static long at(int page, int field) {
    return PagedMemory.address(page) + field;
  }
}
