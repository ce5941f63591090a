package io.gatun.linux.mount;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A mount of a mount namespace: a line of {@code /proc/PID/mountinfo}, {@code
 * proc_pid_mountinfo(5)}.
 *
 * @param id its id, reused after its end
 * @param parentId the mount that it is attached to; for a mount on top of another, the covered one
 * @param device the filesystem, as {@link FileStatus#device} of its files; btrfs reports others
 *     there
 * @param root the directory of the filesystem at the mount point
 * @param mountPoint its path, relative to the root directory of the reading process
 * @param options the options of the mount, such as {@code ro} and {@code nosuid}
 * @param peerGroup the group that mounts and unmounts below it are shared with, if any
 * @param masterGroup the group from which it receives mounts and unmounts, if any
 * @param type the filesystem type, with {@code .} and a subtype if it has one
 * @param source its source, as passed to the kernel; {@code none} is common
 * @param filesystemOptions the options of the filesystem, in its own syntax
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

  /**
   * {@return whether mounts below it propagate to other namespaces, {@code mount_namespaces(7)}}
   */
  public boolean isShared() {
    return peerGroup.isPresent();
  }
}
