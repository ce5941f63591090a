package io.gatun.snapshot.layer.lower;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.filetree.Umask;
import io.gatun.snapshot.layer.entry.LayerAttributes;

/**
 * The owner, group and mode that new files get by default, so that attributes that are already
 * right need not be set.
 *
 * @param uid the owner, unsigned
 * @param gid the group in most directories
 * @param umask removed from the mode
 */
public record Ownership(int uid, int gid, int umask) {

  static final int SET_GROUP_ID = 02000;

  private static final int PERMISSIONS = 0777;

  static final LinuxPath DEFAULT_ACL = LinuxPath.of("system.posix_acl_default");

  public static Ownership ofProcess() {
    return new Ownership(Unistd.geteuid(), Unistd.getegid(), Umask.current());
  }

  /**
   * {@return the mode for creation} Set-user-id and set-group-id bits are set last: chown(2) clears
   * them, and so does writing without CAP_FSETID.
   */
  public static int creationMode(int mode) {
    return mode & PERMISSIONS;
  }

  public boolean isOwner(LayerAttributes attributes) {
    return attributes.uid() == uid && attributes.gid() == gid;
  }

  public boolean isInitialMode(int mode) {
    return mode == (mode & PERMISSIONS & ~umask);
  }

  /**
   * {@return whether new entries of a directory keep what they are created with} A directory with
   * the set-group-id bit, or any on a filesystem mounted with {@code grpid}, passes on its group
   * (mount(8)), and the bit to directories; a default access control list replaces the umask
   * (acl(5)).
   */
  public boolean isPlain(Fd directory) throws ErrnoException {
    FileStatus status = Stat.statx(directory);
    return status.gid() == gid && (status.mode() & SET_GROUP_ID) == 0 && !hasDefaultAcl(directory);
  }

  private static boolean hasDefaultAcl(Fd directory) throws ErrnoException {
    try {
      return Xattr.fgetxattr(directory, DEFAULT_ACL).isPresent();
    } catch (ErrnoException e) {
      if (e.is(Errno.EOPNOTSUPP)) {
        return false;
      }
      throw e;
    }
  }

  /** {@return the same for a directory just created in a plain one, without a system call} */
  public boolean isPlain(LayerAttributes attributes) {
    return attributes.gid() == gid
        && (attributes.mode() & SET_GROUP_ID) == 0
        && attributes.xattrs().stream().noneMatch(xattr -> xattr.name().equals(DEFAULT_ACL));
  }
}
