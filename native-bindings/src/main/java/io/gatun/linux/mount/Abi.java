package io.gatun.linux.mount;

import static java.lang.foreign.MemoryLayout.paddingLayout;
import static java.lang.foreign.MemoryLayout.structLayout;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.StructLayout;

/**
 * The constants and structures of mounts, loop devices and namespaces, under their C names and with
 * their headers. {@code AbiTest} compares them with the headers by means of the C compiler. Unnamed
 * members of structures are unused.
 */
final class Abi {

  // linux/fcntl.h
  static final int AT_SYMLINK_NOFOLLOW = 0x100;
  static final int AT_EMPTY_PATH = 0x1000;
  static final int AT_RECURSIVE = 0x8000;

  // linux/loop.h
  static final long LOOP_CTL_GET_FREE = 0x4c82L;
  static final long LOOP_CONFIGURE = 0x4c0aL;
  static final long LOOP_GET_STATUS64 = 0x4c05L;
  static final int LO_FLAGS_READ_ONLY = 1;
  static final int LO_FLAGS_AUTOCLEAR = 4;
  static final int LO_FLAGS_DIRECT_IO = 16;

  // linux/mount.h: mount(2) and umount2(2)
  static final int MS_RDONLY = 1;
  static final int MS_NOSUID = 2;
  static final int MS_NODEV = 4;
  static final int MS_NOEXEC = 8;
  static final int MS_REMOUNT = 32;
  static final int MS_NOATIME = 1024;
  static final int MS_BIND = 4096;
  static final int MS_REC = 16384;
  static final int MS_PRIVATE = 1 << 18;
  static final int MS_SHARED = 1 << 20;
  static final int MNT_DETACH = 2;
  static final int UMOUNT_NOFOLLOW = 8;

  // linux/mount.h: the newer calls
  static final int OPEN_TREE_CLONE = 1;
  static final int OPEN_TREE_CLOEXEC = 02000000;
  static final int MOVE_MOUNT_F_EMPTY_PATH = 0x4;
  static final int FSOPEN_CLOEXEC = 1;
  static final int FSMOUNT_CLOEXEC = 1;
  static final int FSCONFIG_SET_FLAG = 0;
  static final int FSCONFIG_SET_STRING = 1;
  static final int FSCONFIG_CMD_CREATE = 6;
  static final int MOUNT_ATTR_RDONLY = 0x1;
  static final int MOUNT_ATTR_NOSUID = 0x2;
  static final int MOUNT_ATTR_NODEV = 0x4;
  static final int MOUNT_ATTR_IDMAP = 0x100000;

  // linux/sched.h
  static final int CLONE_VM = 0x100;
  static final int CLONE_VFORK = 0x4000;
  static final int CLONE_NEWNS = 0x20000;
  static final int CLONE_NEWUSER = 0x10000000;

  static final int SCHED_OTHER = 0;
  static final int SCHED_BATCH = 3;

  // linux/wait.h
  static final int __WALL = 0x40000000;

  /** linux/mount.h. */
  static final StructLayout MOUNT_ATTR =
      structLayout(
              JAVA_LONG.withName("attr_set"),
              JAVA_LONG.withName("attr_clr"),
              JAVA_LONG.withName("propagation"),
              JAVA_LONG.withName("userns_fd"))
          .withName("mount_attr");

  /** linux/loop.h. */
  static final StructLayout LOOP_INFO64 =
      structLayout(
              JAVA_LONG.withName("lo_device"),
              JAVA_LONG.withName("lo_inode"),
              paddingLayout(3 * Long.BYTES),
              paddingLayout(3 * Integer.BYTES),
              JAVA_INT.withName("lo_flags"),
              // Names, a key and two numbers for obsolete ciphers.
              paddingLayout(64 + 64 + 32 + 2 * Long.BYTES))
          .withName("loop_info64");

  /** linux/loop.h. */
  static final StructLayout LOOP_CONFIG =
      structLayout(
              JAVA_INT.withName("fd"),
              JAVA_INT.withName("block_size"),
              LOOP_INFO64.withName("info"),
              paddingLayout(8 * Long.BYTES))
          .withName("loop_config");

  private Abi() {}
}
