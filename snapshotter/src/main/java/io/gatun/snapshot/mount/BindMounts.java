package io.gatun.snapshot.mount;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Finds indexed layers that are bind-mounted elsewhere, as views of a single layer are. */
public final class BindMounts {

  private static final String TYPE = "erofs";

  private BindMounts() {}

  /**
   * {@return the devices of indexes mounted outside a root, in any mount namespace with a process}
   *
   * @param root by its real path
   */
  public static Set<Long> devices(Path root) throws ErrnoException {
    String inside = root + "/";
    Set<Long> found = new HashSet<>();
    add(found, MountTable.read(), inside);
    MountNamespaces.visitOthers((_, mounts) -> add(found, mounts, inside));
    return found;
  }

  private static void add(Set<Long> found, List<MountEntry> mounts, String inside) {
    mounts.stream()
        .filter(mount -> mount.type().equals(TYPE))
        .filter(mount -> !mount.mountPoint().toString().startsWith(inside))
        .map(MountEntry::device)
        .forEach(found::add);
  }
}
