package io.gatun.isal;

import static java.lang.foreign.MemoryLayout.paddingLayout;
import static java.lang.foreign.MemoryLayout.structLayout;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.StructLayout;

/**
 * The constants and structures of ISA-L, under their C names and with their headers. {@code
 * AbiTest} compares them with the headers by means of the C compiler. Unnamed members of structures
 * are unused.
 */
final class Abi {

  // isa-l.h and isa-l/igzip_lib.h
  static final int ISAL_MAJOR_VERSION = 2;
  static final int ISAL_MINOR_VERSION = 31;
  static final int ISAL_GZIP_NO_HDR_VER = 6;
  static final int ISAL_BLOCK_FINISH = 5;
  static final int ISAL_NEED_DICT = 6;
  static final int ISAL_INVALID_BLOCK = -1;
  static final int ISAL_INVALID_SYMBOL = -2;
  static final int ISAL_INVALID_LOOKBACK = -3;
  static final int ISAL_INCORRECT_CHECKSUM = -6;

  /** isa-l/igzip_lib.h of ISA-L 2.31, with 85 KiB of tables and buffers between and after these. */
  static final StructLayout INFLATE_STATE =
      structLayout(
              ADDRESS.withName("next_out"),
              JAVA_INT.withName("avail_out"),
              paddingLayout(Integer.BYTES),
              ADDRESS.withName("next_in"),
              paddingLayout(Long.BYTES),
              JAVA_INT.withName("avail_in"),
              paddingLayout(21_124),
              JAVA_INT.withName("block_state"),
              paddingLayout(2 * Integer.BYTES),
              JAVA_INT.withName("crc_flag"),
              paddingLayout(66_192))
          .withName("inflate_state");

  private Abi() {}
}
