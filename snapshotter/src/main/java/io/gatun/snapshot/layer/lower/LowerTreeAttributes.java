package io.gatun.snapshot.layer.lower;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.extract.TreeWriter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads the attributes that an index inherits: those that {@link TreeWriter} gives the same
 * directories.
 */
public final class LowerTreeAttributes implements LowerAttributes {

  private final List<LinuxPath> tops;
  private final LowerLayers lowers;

  /**
   * @param tops absolute paths of the lower layers' trees, nearest first
   */
  public LowerTreeAttributes(List<LinuxPath> tops) {
    this.tops = List.copyOf(tops);
    this.lowers = new LowerLayers(tops);
  }

  @Override
  public Optional<InheritedAttributes> of(LinuxPath path) throws ErrnoException {
    Optional<Fd> found = lowers.find(path);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    try (Fd directory = found.get()) {
      FileStatus status = Stat.statx(directory);
      Map<LinuxPath, byte[]> xattrs = new HashMap<>();
      for (LinuxPath attribute : LowerLayers.inheritedXattrs(directory)) {
        Xattr.fgetxattr(directory, attribute).ifPresent(value -> xattrs.put(attribute, value));
      }
      return Optional.of(
          new InheritedAttributes(
              status.mode(), status.uid(), status.gid(), status.modified(), xattrs));
    }
  }

  /**
   * {@return the attributes of the layer's root: the owner of the one below, as with the drivers,
   * and otherwise the defaults}
   */
  public InheritedAttributes ofTop() throws ErrnoException {
    InheritedAttributes alone = InheritedAttributes.ofTop();
    if (tops.isEmpty()) {
      return alone;
    }
    try (Fd below = LowerLayers.openTop(tops.getFirst())) {
      FileStatus owner = Stat.statx(below);
      return new InheritedAttributes(
          alone.mode(), owner.uid(), owner.gid(), new Timespec(0, 0), Map.of());
    }
  }
}
