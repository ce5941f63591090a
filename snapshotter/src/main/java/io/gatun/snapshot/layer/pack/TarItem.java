package io.gatun.snapshot.layer.pack;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.layer.tar.TarType;
import io.gatun.snapshot.layer.tar.TarXattr;
import java.util.List;

/**
 * One entry of a tar, without its content.
 *
 * @param type not {@link TarType#UNKNOWN}
 * @param path relative, without a trailing slash
 * @param link the target of a hard or symbolic link; otherwise empty
 * @param mode permission bits, {@code 07777}
 * @param uid unsigned, like {@code gid}
 * @param sizeBytes length of the content; 0 unless it is a regular file
 * @param major 0 unless it is a device, like {@code minor}
 * @param xattrs whose names contain no {@code =}
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
