package io.gatun.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;

/**
 * The structures of system calls under their C names, with their headers. {@code AbiTest} compares
 * sizes and offsets with the headers by means of the C compiler. Unnamed members are unused.
 */
final class Layouts {

  /** linux/types.h, and time.h on 64-bit systems. */
  static final StructLayout TIMESPEC =
      MemoryLayout.structLayout(JAVA_LONG.withName("tv_sec"), JAVA_LONG.withName("tv_nsec"))
          .withName("timespec");

  /** linux/stat.h. */
  static final StructLayout STATX_TIMESTAMP =
      MemoryLayout.structLayout(
              JAVA_LONG.withName("tv_sec"), JAVA_INT.withName("tv_nsec"), space(Integer.BYTES))
          .withName("statx_timestamp");

  /** linux/stat.h. */
  static final StructLayout STATX =
      MemoryLayout.structLayout(
              JAVA_INT.withName("stx_mask"),
              JAVA_INT.withName("stx_blksize"),
              JAVA_LONG.withName("stx_attributes"),
              JAVA_INT.withName("stx_nlink"),
              JAVA_INT.withName("stx_uid"),
              JAVA_INT.withName("stx_gid"),
              JAVA_SHORT.withName("stx_mode"),
              space(Short.BYTES),
              JAVA_LONG.withName("stx_ino"),
              JAVA_LONG.withName("stx_size"),
              JAVA_LONG.withName("stx_blocks"),
              JAVA_LONG.withName("stx_attributes_mask"),
              STATX_TIMESTAMP.withName("stx_atime"),
              STATX_TIMESTAMP.withName("stx_btime"),
              STATX_TIMESTAMP.withName("stx_ctime"),
              STATX_TIMESTAMP.withName("stx_mtime"),
              JAVA_INT.withName("stx_rdev_major"),
              JAVA_INT.withName("stx_rdev_minor"),
              JAVA_INT.withName("stx_dev_major"),
              JAVA_INT.withName("stx_dev_minor"),
              JAVA_LONG.withName("stx_mnt_id"),
              // Later kernels name these; the size never changes.
              space(13 * Long.BYTES))
          .withName("statx");

  /** linux/openat2.h. */
  static final StructLayout OPEN_HOW =
      MemoryLayout.structLayout(
              JAVA_LONG.withName("flags"),
              JAVA_LONG.withName("mode"),
              JAVA_LONG.withName("resolve"))
          .withName("open_how");

  /** linux/mman.h. */
  static final StructLayout CACHESTAT_RANGE =
      MemoryLayout.structLayout(JAVA_LONG.withName("off"), JAVA_LONG.withName("len"))
          .withName("cachestat_range");

  /** linux/mman.h. */
  static final StructLayout CACHESTAT =
      MemoryLayout.structLayout(
              JAVA_LONG.withName("nr_cache"),
              JAVA_LONG.withName("nr_dirty"),
              JAVA_LONG.withName("nr_writeback"),
              JAVA_LONG.withName("nr_evicted"),
              JAVA_LONG.withName("nr_recently_evicted"))
          .withName("cachestat");

  /** linux/mount.h. */
  static final StructLayout MOUNT_ATTR =
      MemoryLayout.structLayout(
              JAVA_LONG.withName("attr_set"),
              JAVA_LONG.withName("attr_clr"),
              JAVA_LONG.withName("propagation"),
              JAVA_LONG.withName("userns_fd"))
          .withName("mount_attr");

  /** linux/fs.h. */
  static final StructLayout FILE_CLONE_RANGE =
      MemoryLayout.structLayout(
              JAVA_LONG.withName("src_fd"),
              JAVA_LONG.withName("src_offset"),
              JAVA_LONG.withName("src_length"),
              JAVA_LONG.withName("dest_offset"))
          .withName("file_clone_range");

  /** linux/fs.h. */
  static final StructLayout FSUUID2 =
      MemoryLayout.structLayout(
              JAVA_BYTE.withName("len"),
              MemoryLayout.sequenceLayout(16, JAVA_BYTE).withName("uuid"))
          .withName("fsuuid2");

  /** linux/fsverity.h. */
  static final StructLayout FSVERITY_ENABLE_ARG =
      MemoryLayout.structLayout(
              JAVA_INT.withName("version"),
              JAVA_INT.withName("hash_algorithm"),
              JAVA_INT.withName("block_size"),
              // A salt and a signature, unused here.
              space(116))
          .withName("fsverity_enable_arg");

  /** linux/loop.h. */
  static final StructLayout LOOP_INFO64 =
      MemoryLayout.structLayout(
              JAVA_LONG.withName("lo_device"),
              JAVA_LONG.withName("lo_inode"),
              space(3 * Long.BYTES),
              space(3 * Integer.BYTES),
              JAVA_INT.withName("lo_flags"),
              // Names, a key and two numbers for obsolete ciphers.
              space(64 + 64 + 32 + 2 * Long.BYTES))
          .withName("loop_info64");

  /** linux/loop.h. */
  static final StructLayout LOOP_CONFIG =
      MemoryLayout.structLayout(
              JAVA_INT.withName("fd"),
              JAVA_INT.withName("block_size"),
              LOOP_INFO64.withName("info"),
              space(8 * Long.BYTES))
          .withName("loop_config");

  /** asm-generic/statfs.h on 64-bit systems. */
  static final StructLayout STATFS =
      MemoryLayout.structLayout(
              JAVA_LONG.withName("f_type"),
              JAVA_LONG.withName("f_bsize"),
              JAVA_LONG.withName("f_blocks"),
              JAVA_LONG.withName("f_bfree"),
              JAVA_LONG.withName("f_bavail"),
              JAVA_LONG.withName("f_files"),
              JAVA_LONG.withName("f_ffree"),
              JAVA_LONG.withName("f_fsid"),
              JAVA_LONG.withName("f_namelen"),
              JAVA_LONG.withName("f_frsize"),
              JAVA_LONG.withName("f_flags"),
              space(4 * Long.BYTES))
          .withName("statfs");

  /** linux/dirent.h has it for the kernel only; dirent.h of the C library has the same layout. */
  static final StructLayout DIRENT64 =
      MemoryLayout.structLayout(
              JAVA_LONG.withName("d_ino"),
              JAVA_LONG.withName("d_off"),
              JAVA_SHORT.withName("d_reclen"),
              JAVA_BYTE.withName("d_type"),
              MemoryLayout.sequenceLayout(256, JAVA_BYTE).withName("d_name"),
              space(5))
          .withName("dirent64");

  /** isa-l/igzip_lib.h of ISA-L 2.31, with 85 KiB of tables and buffers between and after these. */
  static final StructLayout INFLATE_STATE =
      MemoryLayout.structLayout(
              ADDRESS.withName("next_out"),
              JAVA_INT.withName("avail_out"),
              space(Integer.BYTES),
              ADDRESS.withName("next_in"),
              space(Long.BYTES),
              JAVA_INT.withName("avail_in"),
              space(21_124),
              JAVA_INT.withName("block_state"),
              space(2 * Integer.BYTES),
              JAVA_INT.withName("crc_flag"),
              space(66_192))
          .withName("inflate_state");

  private Layouts() {}

  static long offset(StructLayout struct, String member) {
    return struct.byteOffset(PathElement.groupElement(member));
  }

  private static MemoryLayout space(int bytes) {
    return MemoryLayout.paddingLayout(bytes);
  }
}
