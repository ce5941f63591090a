package io.gatun.snapshot.layer.entry;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import java.util.Map;
import java.util.TreeMap;

/**
 * The attributes of an implicit directory, which a layer needs but has no entry for.
 *
 * @param mode permission bits with set-user-id, set-group-id and sticky
 * @param uid the owner, unsigned
 * @param gid the group, unsigned
 * @param modified mtime
 * @param xattrs the extended attributes by name, as the kernel returns them
 */
public record InheritedAttributes(
    int mode, int uid, int gid, Timespec modified, Map<LinuxPath, byte[]> xattrs) {

  public InheritedAttributes {
    xattrs = new TreeMap<>(xattrs);
  }

  /** {@return the attributes of the root directory of a snapshot without parents} */
  public static InheritedAttributes ofTop() {
    return new InheritedAttributes(0755, 0, 0, new Timespec(0, 0), Map.of());
  }
}
