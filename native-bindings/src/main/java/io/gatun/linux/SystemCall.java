package io.gatun.linux;

/**
 * The numbers of system calls without a function in every C library: asm/unistd.h. From 424 on,
 * they are the same everywhere; before that, x86 has a table of its own.
 */
public final class SystemCall {

  private static final boolean X86 = System.getProperty("os.arch", "").equals("amd64");

  public static final int SYS_getdents64 = X86 ? 217 : 61;
  public static final int SYS_mknodat = X86 ? 259 : 33;
  public static final int SYS_open_tree = 428;
  public static final int SYS_move_mount = 429;
  public static final int SYS_fsopen = 430;
  public static final int SYS_fsconfig = 431;
  public static final int SYS_fsmount = 432;
  public static final int SYS_openat2 = 437;
  public static final int SYS_mount_setattr = 442;
  public static final int SYS_cachestat = 451;
  public static final int SYS_fchmodat2 = 452;

  private SystemCall() {}
}
