package io.gatun.linux.file;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.LONG;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.function;
import static io.gatun.linux.NativeCall.offset;
import static io.gatun.linux.NativeCall.repeat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Filesystem statistics: {@code sys/statfs.h}. */
public final class Statfs {

  private static final MethodHandle FSTATFS = function("fstatfs", INT, INT, POINTER);

  private static final long TYPE = offset(Abi.STATFS, "f_type");
  private static final long BSIZE = offset(Abi.STATFS, "f_bsize");
  private static final long BLOCKS = offset(Abi.STATFS, "f_blocks");
  private static final long BFREE = offset(Abi.STATFS, "f_bfree");
  private static final long BAVAIL = offset(Abi.STATFS, "f_bavail");
  private static final long FILES = offset(Abi.STATFS, "f_files");
  private static final long FFREE = offset(Abi.STATFS, "f_ffree");
  private static final long FSID = offset(Abi.STATFS, "f_fsid");
  private static final long FRSIZE = offset(Abi.STATFS, "f_frsize");
  private static final long FLAGS = offset(Abi.STATFS, "f_flags");

  private Statfs() {}

  /** {@return the status of a path's filesystem} */
  public static FilesystemStatus statfs(LinuxPath path) throws ErrnoException {
    try (Fd file = Fcntl.open(path, OpenFlag.PATH)) {
      return fstatfs(file);
    }
  }

  /** {@return the status of an open file's filesystem: fstatfs(2)} */
  public static FilesystemStatus fstatfs(Fd file) throws ErrnoException {
    int fd = file.number();
    FilesystemStatus[] status = new FilesystemStatus[1];
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment struct = arena.allocate(Abi.STATFS);
              int returned = (int) FSTATFS.invokeExact(state, fd, struct);
              status[0] = read(struct);
              return returned;
            });
    check("fstatfs", result, file);
    return status[0];
  }

  private static FilesystemStatus read(MemorySegment struct) {
    int magic = (int) struct.get(LONG, TYPE);
    long fragmentBytes = struct.get(LONG, FRSIZE);
    return new FilesystemStatus(
        FilesystemType.ofMagic(magic),
        // Like statvfs(3): counts are in fragments if the filesystem has them.
        fragmentBytes != 0 ? fragmentBytes : struct.get(LONG, BSIZE),
        struct.get(LONG, BLOCKS),
        struct.get(LONG, BFREE),
        struct.get(LONG, BAVAIL),
        struct.get(LONG, FILES),
        struct.get(LONG, FFREE),
        struct.get(LONG, FSID),
        (struct.get(LONG, FLAGS) & Abi.ST_RDONLY) != 0);
  }
}
