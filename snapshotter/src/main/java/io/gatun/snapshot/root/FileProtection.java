package io.gatun.snapshot.root;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Ioctl.InodeFlag;
import java.util.Locale;
import java.util.Set;

/** Protects files that never change. {@link InodeProtection} lifts the protection for removal. */
public enum FileProtection {
  /** Only its mode. */
  NONE,
  /** No process, not even root's, can write, rename or remove it without {@code chattr -i}. */
  IMMUTABLE,
  /** Read-only, and the kernel detects corrupted content (fs-verity). */
  VERITY;

  /**
   * Protects the content of a complete file without open writers.
   *
   * @param file open for reading only
   */
  public void seal(Disk disk, Fd file) throws ErrnoException {
    if (this == VERITY) {
      disk.enableVerity(file);
    }
  }

  /** Protects a file under its final name; it cannot be renamed afterwards. */
  public void hold(Disk disk, Fd file) throws ErrnoException {
    if (this == IMMUTABLE) {
      disk.addInodeFlags(file, Set.of(InodeFlag.IMMUTABLE));
    }
  }

  /** {@return the name in the configuration, such as {@code immutable}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
