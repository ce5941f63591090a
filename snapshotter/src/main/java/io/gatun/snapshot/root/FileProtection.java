package io.gatun.snapshot.root;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.InodeFlag;
import java.util.Locale;
import java.util.Set;

/**
 * What keeps a file that is never to change from being changed by others. {@link InodeProtection}
 * takes away again what is in the way of removing it.
 */
public enum FileProtection {
  /** Its mode. */
  NONE,
  /** Nobody writes, renames or removes it, not even root, without {@code chattr -i} before. */
  IMMUTABLE,
  /** Nobody writes it, and the kernel finds out when the disk has something else (fs-verity). */
  VERITY;

  /**
   * Protects the content of a file that is complete and that nobody has open for writing.
   *
   * @param file open for reading alone
   */
  public void seal(Disk disk, Fd file) throws ErrnoException {
    switch (this) {
      case NONE, IMMUTABLE -> {}
      case VERITY -> disk.enableVerity(file);
    }
  }

  /** Protects a file that has the name that it will keep: it cannot be renamed from now on. */
  public void hold(Disk disk, Fd file) throws ErrnoException {
    switch (this) {
      case NONE, VERITY -> {}
      case IMMUTABLE -> disk.addInodeFlags(file, Set.of(InodeFlag.IMMUTABLE));
    }
  }

  /** {@return the name used in the configuration, such as {@code immutable}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
