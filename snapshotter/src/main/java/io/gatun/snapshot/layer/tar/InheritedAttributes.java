package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.Timespec;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a directory has that a layer needs and does not name.
 *
 * @param mode permission bits with set-user-id, set-group-id and sticky
 * @param uid the owner, unsigned
 * @param gid the group, unsigned
 * @param modified mtime
 * @param xattrs its extended attributes by their names, as the kernel shows them
 */
public record InheritedAttributes(
    int mode, int uid, int gid, Timespec modified, Map<LinuxPath, byte[]> xattrs) {

  public InheritedAttributes {
    xattrs = new TreeMap<>(xattrs);
  }

  /** {@return those of the top of a snapshot without parents} */
  public static InheritedAttributes ofTop() {
    return new InheritedAttributes(0755, 0, 0, new Timespec(0, 0), Map.of());
  }
}
