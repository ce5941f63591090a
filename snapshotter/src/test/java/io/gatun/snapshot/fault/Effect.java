package io.gatun.snapshot.fault;

import io.gatun.snapshot.root.Disk;

/** The effects that a {@link Disk} has, each with the call that has it. */
public enum Effect {
  CREATE_DIRECTORY("mkdirat"),
  CREATE_FILE("openat"),
  CREATE_NAMELESS_FILE("openat"),
  CREATE_SYMBOLIC_LINK("symlinkat"),
  CREATE_HARD_LINK("linkat"),
  CREATE_NODE("mknodat"),
  REMOVE_FILE("unlinkat"),
  REMOVE_DIRECTORY("unlinkat"),
  RENAME("renameat2"),
  REPLACE("renameat2"),
  EXCHANGE("renameat2"),
  SET_OWNER("fchownat"),
  SET_MODE("fchmodat"),
  SET_TIMES("utimensat"),
  SET_XATTR("setxattr"),
  REMOVE_XATTR("removexattr"),
  CHANGE_INODE_FLAGS("ioctl"),
  ENABLE_VERITY("ioctl"),
  WRITE("pwrite"),
  COPY_RANGE("copy_file_range"),
  CLONE_FILE("ioctl"),
  TRUNCATE("ftruncate"),
  ALLOCATE("fallocate"),
  START_WRITEBACK("sync_file_range"),
  SYNC("fsync"),
  SYNC_DATA("fdatasync"),
  SYNC_FILESYSTEM("syncfs");

  private final String call;

  Effect(String call) {
    this.call = call;
  }

  /** {@return the C name of the call} */
  String call() {
    return call;
  }
}
