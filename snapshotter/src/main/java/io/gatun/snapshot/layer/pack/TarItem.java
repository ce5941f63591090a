package io.gatun.snapshot.layer.pack;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.Timespec;
import io.gatun.snapshot.layer.tar.TarType;
import io.gatun.snapshot.layer.tar.TarXattr;
import java.util.List;

/**
 * One entry of a tar, without its content.
 *
 * @param type what it is, not {@link TarType#UNKNOWN}
 * @param path relative, without a slash at the end
 * @param link what a hard or symbolic link leads to; otherwise empty
 * @param mode permission bits, {@code 07777}
 * @param uid the owner, unsigned
 * @param gid the group, unsigned
 * @param sizeBytes how much content follows; only a regular file has any
 * @param modified mtime
 * @param major of a device, otherwise 0
 * @param minor of a device, otherwise 0
 * @param xattrs with names that have no {@code =} in them
 */
record TarItem(
    TarType type,
    LinuxPath path,
    LinuxPath link,
    int mode,
    int uid,
    int gid,
    long sizeBytes,
    Timespec modified,
    int major,
    int minor,
    List<TarXattr> xattrs) {

  TarItem {
    xattrs = List.copyOf(xattrs);
  }
}
