package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.layer.entry.LayerAttributes;
import io.gatun.snapshot.layer.entry.LayerPath;
import io.gatun.snapshot.layer.lower.ImplicitDirectory.Inherited;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.PagedMemory;
import io.gatun.snapshot.spill.PagedTable;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Directory attributes that are set at the end. Creating entries in a directory changes its times,
 * so these are set last.
 *
 * <p>Directories are recorded by their resolved paths, without links. At the end each path is
 * checked again: only directories get times. Each record is found by its path and identified by a
 * number other than 0:
 *
 * <pre>
 *  0  int   the next record in order of creation, or 0
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
final class DeferredAttributes {

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

  private final PagedMemory memory;
  private final PagedTable records;
  private int first;
  private int last;

  DeferredAttributes(PagedMemory memory) {
    this.memory = memory;
    this.records = new PagedTable(memory);
  }

  /**
   * Records an implicit directory.
   *
   * @param isHidingBelow whether it hides a lower directory and so inherits nothing from it
   */
  void madeImplicit(LayerPath place, boolean isHidingBelow, Optional<FileStatus> inherited)
      throws ErrnoException {
    int record = require(place);
    memory.putByte(at(record, MADE), (byte) 1);
    setInherited(record, inheritedBy(place, isHidingBelow));
    memory.putByte(at(record, TIMED), (byte) 0);
    if (inherited.isPresent()) {
      setTimes(record, inherited.get().accessed(), inherited.get().modified());
    }
  }

  private @Nullable Inherited inheritedBy(LayerPath place, boolean isHidingBelow)
      throws ErrnoException {
    boolean isGroupOpen = !place.directory().isEmpty() && isAsBelow(place.directory());
    if (isHidingBelow) {
      return isGroupOpen ? Inherited.GROUP : null;
    }
    return isGroupOpen ? Inherited.ATTRIBUTES_OR_GROUP : Inherited.ATTRIBUTES;
  }

  /** {@return whether its attributes come, or may come, from lower layers only} */
  private boolean isAsBelow(LinuxPath place) throws ErrnoException {
    int record = find(hash(place), place.bytes());
    return record != 0 && isAsBelow(inherited(record));
  }

  private static boolean isAsBelow(@Nullable Inherited inherited) {
    return inherited == Inherited.ATTRIBUTES || inherited == Inherited.ATTRIBUTES_OR_GROUP;
  }

  /** Records a directory that was created for its entry. */
  void made(LayerPath place, LayerAttributes attributes) throws ErrnoException {
    int record = require(place);
    memory.putByte(at(record, MADE), (byte) 1);
    setInherited(record, null);
    setTimes(record, attributes.accessed(), attributes.modified());
  }

  /** Records an entry for an existing directory. */
  void merged(LayerPath place, LayerAttributes attributes) throws ErrnoException {
    int record = require(place);
    Inherited inherited = inherited(record);
    if (isAsBelow(inherited)) {
      setInherited(record, Inherited.XATTRS);
    } else if (inherited == Inherited.GROUP) {
      setInherited(record, null);
    }
    setTimes(record, attributes.accessed(), attributes.modified());
  }

  /**
   * Sets all times and counts the created directories.
   *
   * @return the directories that may inherit attributes, in the order of creation; empty if the
   *     list exceeds its limit
   */
  Optional<ImplicitDirectoryList> finish(Disk disk, Directories directories, UsageTally tally)
      throws ErrnoException, TreeWriteException {
    ImplicitDirectoryList.Builder implicit = new ImplicitDirectoryList.Builder();
    for (int record = first; record != 0; record = memory.getInt(at(record, NEXT))) {
      LayerPath place = place(record);
      try {
        if (finish(disk, directories, tally, place, record)) {
          Inherited inherited = inherited(record);
          if (inherited != null) {
            implicit.add(place.whole(), inherited);
          }
        }
      } catch (ErrnoException e) {
        throw new TreeWriteException(place.whole(), e);
      }
    }
    return implicit.build();
  }

  /** {@return whether the path still is a directory} */
  private boolean finish(
      Disk disk, Directories directories, UsageTally tally, LayerPath place, int record)
      throws ErrnoException {
    Fd parent = directories.visit(place.directory());
    if (parent == null) {
      return false;
    }
    Optional<FileStatus> status = Stat.tryStatx(parent, place.name(), AtFlag.SYMLINK_NOFOLLOW);
    if (status.isEmpty() || status.get().type() != NodeType.DIRECTORY) {
      return false;
    }
    if (memory.getByte(at(record, MADE)) != 0) {
      tally.add(status.get());
    }
    if (memory.getByte(at(record, TIMED)) != 0) {
      disk.setTimes(
          parent,
          place.name(),
          time(record, ACCESSED_SECONDS, ACCESSED_NANOS),
          time(record, MODIFIED_SECONDS, MODIFIED_NANOS));
    }
    return true;
  }

  /** {@return the record of a directory, created if there was none} */
  private int require(LayerPath place) throws ErrnoException {
    LinuxPath whole = place.whole();
    byte[] path = whole.bytes();
    int hash = hash(whole);
    int known = find(hash, path);
    if (known != 0) {
      return known;
    }
    int record = memory.allocate(PATH + path.length);
    memory.putInt(at(record, DIRECTORY_LENGTH), place.directory().length());
    memory.putInt(at(record, LENGTH), path.length);
    memory.put(at(record, PATH), path);
    records.add(hash, record);
    if (last == 0) {
      first = record;
    } else {
      memory.putInt(at(last, NEXT), record);
    }
    last = record;
    return record;
  }

  private int find(int hash, byte[] path) throws ErrnoException {
    return records.find(
        hash,
        record ->
            memory.getInt(at(record, LENGTH)) == path.length && Arrays.equals(path(record), path));
  }

  private LayerPath place(int record) throws ErrnoException {
    LinuxPath path = LinuxPath.wrap(path(record));
    int length = memory.getInt(at(record, DIRECTORY_LENGTH));
    return new LayerPath(
        path.slice(0, length), path.slice(length == 0 ? 0 : length + 1, path.length()));
  }

  private byte[] path(int record) throws ErrnoException {
    byte[] path = new byte[memory.getInt(at(record, LENGTH))];
    memory.get(at(record, PATH), path, path.length);
    return path;
  }

  private @Nullable Inherited inherited(int record) throws ErrnoException {
    return Inherited.ofCode(memory.getByte(at(record, INHERITED)));
  }

  private void setInherited(int record, @Nullable Inherited inherited) throws ErrnoException {
    memory.putByte(at(record, INHERITED), inherited == null ? 0 : inherited.code());
  }

  private Timespec time(int record, int seconds, int nanos) throws ErrnoException {
    return new Timespec(memory.getLong(at(record, seconds)), memory.getInt(at(record, nanos)));
  }

  private void setTimes(int record, Timespec accessed, Timespec modified) throws ErrnoException {
    memory.putByte(at(record, TIMED), (byte) 1);
    memory.putLong(at(record, ACCESSED_SECONDS), accessed.seconds());
    memory.putInt(at(record, ACCESSED_NANOS), accessed.nanos());
    memory.putLong(at(record, MODIFIED_SECONDS), modified.seconds());
    memory.putInt(at(record, MODIFIED_NANOS), modified.nanos());
  }

  private static int hash(LinuxPath path) {
    return (int) (PathHash.of(path) >>> Integer.SIZE);
  }

  private static long at(int record, int field) {
    return PagedMemory.address(record) + field;
  }
}
