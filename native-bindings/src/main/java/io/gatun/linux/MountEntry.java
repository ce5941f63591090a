package io.gatun.linux;

import java.util.OptionalInt;
import java.util.Set;

/**
 * One mount of a mount namespace: a line of {@code /proc/PID/mountinfo}, {@code
 * proc_pid_mountinfo(5)}.
 *
 * @param id of the mount, which is given to another one when this is gone
 * @param parentId the mount that it is attached to; of a mount that is on top of another one, that
 *     one
 * @param device the filesystem, as {@link FileStatus#device} of a file on it; btrfs has others
 *     there
 * @param root what of the filesystem is at the mount point
 * @param mountPoint where it is attached, from the root directory of who reads this
 * @param options of this mount, such as {@code ro} and {@code nosuid}
 * @param peerGroup the peers that mounts and unmounts below it are shared with, if there can be any
 * @param masterGroup the peers from which it gets mounts and unmounts, if there are any
 * @param type the filesystem's, with {@code .} and a subtype if it has one
 * @param source what it was mounted from, as it was given to the kernel; {@code none} is common
 * @param filesystemOptions of the filesystem, in its own form
 */
public record MountEntry(
    int id,
    int parentId,
    long device,
    LinuxPath root,
    LinuxPath mountPoint,
    Set<String> options,
    OptionalInt peerGroup,
    OptionalInt masterGroup,
    String type,
    LinuxPath source,
    String filesystemOptions) {

  public MountEntry {
    options = Set.copyOf(options);
  }

  /** {@return what is mounted below it is seen in other namespaces, {@code mount_namespaces(7)}} */
  public boolean isShared() {
    return peerGroup.isPresent();
  }
}
