package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Stat;
import io.gatun.linux.Unistd;
import io.gatun.linux.Xattr;
import io.gatun.snapshot.filetree.Umask;
import io.gatun.snapshot.layer.tar.LayerAttributes;

/**
 * Which owner, group and mode new files have before anybody sets them, so that nothing needs to be
 * set that is so already.
 *
 * @param uid the owner, unsigned
 * @param gid the group in most directories
 * @param umask what is taken from the mode
 */
record Ownership(int uid, int gid, int umask) {

  static final int SET_GROUP_ID = 02000;

  private static final int PERMISSIONS = 0777;

  static final LinuxPath DEFAULT_ACL = LinuxPath.of("system.posix_acl_default");

  /** {@return that of the files that this process makes} */
  static Ownership ofProcess() {
    return new Ownership(Unistd.geteuid(), Unistd.getegid(), Umask.current());
  }

  /**
   * {@return the mode to make something with} Set-user-id and the like come last: changing the
   * owner clears them (chown(2)), and so does writing for who has not CAP_FSETID.
   */
  static int creationMode(int mode) {
    return mode & PERMISSIONS;
  }

  boolean isOwner(LayerAttributes attributes) {
    return attributes.uid() == uid && attributes.gid() == gid;
  }

  boolean isInitialMode(int mode) {
    return mode == (mode & PERMISSIONS & ~umask);
  }

  /**
   * {@return whether a directory leaves what is made in it as it was made} One with the
   * set-group-id bit, or any on a filesystem mounted with {@code grpid}, passes on its group
   * (mount(8)), and the bit to directories; one with a default access control list passes on that
   * in place of the umask (acl(5)).
   */
  boolean isPlain(Fd directory) throws ErrnoException {
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

  /** {@return the same of one that was just made in a plain one, without asking the kernel} */
  boolean isPlain(LayerAttributes attributes) {
    return attributes.gid() == gid
        && (attributes.mode() & SET_GROUP_ID) == 0
        && attributes.xattrs().stream().noneMatch(xattr -> xattr.name().equals(DEFAULT_ACL));
  }
}
