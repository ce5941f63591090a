package io.gatun.snapshot.layer.entry;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarEntry;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.layer.tar.TarXattr;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Interprets the entries of a tar as those of a layer, or refuses the layer.
 *
 * <p>The rules are those of containerd's package archive, with two exceptions for layers that
 * containerd accepts. The target of a hard link is cleaned lexically like a name, where containerd
 * follows links before a {@code ..} and at a trailing slash. And a global extended header is not an
 * entry: containerd takes its name, or a {@code path} in it, for an entry that removes the existing
 * file, or hides it if the name is a whiteout's, and creates nothing.
 *
 * <p>Refuses, where containerd continues:
 *
 * <ul>
 *   <li>owners beyond 32 bits, which containerd truncates so that 2^32 becomes root, and 2^32-1,
 *       which means "unchanged" in chown(2);
 *   <li>device numbers beyond Linux's 12 and 20 bits, which it truncates as well (the current
 *       release refuses those beyond 32 bits);
 *   <li>paths, link targets, and names and values of extended attributes that exceed the kernel's
 *       limits, and empty targets and names, which containerd detects only when it creates them:
 *       the layer is refused in either form.
 * </ul>
 */
public final class LayerReader {

  /** PATH_MAX of linux/limits.h includes the final NUL. */
  private static final int PATH_BYTES_MAX = 4095;

  private static final int MODE_BITS = 07777;
  private static final long ID_MAX = 0xffff_fffeL;
  private static final int DEVICE_MAJOR_MAX = (1 << 12) - 1;
  private static final int DEVICE_MINOR_MAX = (1 << 20) - 1;

  /** The limit of 63 bits of nanoseconds, the form that containerd sets; 2262-04-11. */
  private static final Timespec TIME_MAX = new Timespec(9_223_372_036L, 854_775_807);

  private static final Timespec TIME_MIN = new Timespec(0, 0);

  // OCI image specification, layer.md: ".wh.NAME" hides NAME, and the mark hides the content of its
  // directory.
  private static final LinuxPath WHITEOUT_PREFIX = LinuxPath.of(".wh.");
  private static final LinuxPath OPAQUE_MARK = LinuxPath.of(".wh..wh..opq");
  private static final LinuxPath SELF = LinuxPath.of(".");
  private static final LinuxPath ABOVE = LinuxPath.of("..");

  /** Kernel limits: XATTR_NAME_MAX and XATTR_SIZE_MAX of linux/limits.h. */
  private static final int XATTR_NAME_BYTES_MAX = 255;

  private static final int XATTR_VALUE_BYTES_MAX = 65_536;

  private static final LinuxPath TRUSTED = LinuxPath.of("trusted.");
  private static final LinuxPath OVERLAY_TRUSTED = LinuxPath.of("trusted.overlay.");
  private static final LinuxPath OVERLAY_USER = LinuxPath.of("user.overlay.");

  private final TarReader tar;
  private @Nullable TarEntry current;
  private long overlayXattrsDropped;
  private long trustedXattrsDropped;

  public LayerReader(TarReader tar) {
    this.tar = tar;
  }

  /**
   * {@return the next entry; empty after the last} Skips entries for the root itself, whose
   * attributes belong to the snapshot.
   *
   * @throws InvalidLayerException if the tar is invalid or the entry is not allowed
   */
  public Optional<LayerEntry> next() throws IOException {
    for (TarEntry entry = tar.next(); entry != null; entry = tar.next()) {
      current = entry;
      LinuxPath path = LayerPath.clean(entry.name());
      if (!path.isEmpty()) {
        return Optional.of(judge(entry, path));
      }
    }
    current = null;
    return Optional.empty();
  }

  /** {@return the next part of the last entry's content} See {@link TarReader#content}. */
  public ByteBuffer content() throws IOException {
    return tar.content();
  }

  /** {@return the last entry, for messages} */
  public String description() {
    TarEntry entry = current;
    return entry == null ? "the end of the layer" : entry.description();
  }

  /** {@return how many attributes of overlayfs were dropped so far} */
  public long overlayXattrsDropped() {
    return overlayXattrsDropped;
  }

  /** {@return how many other trusted attributes were dropped so far} */
  public long trustedXattrsDropped() {
    return trustedXattrsDropped;
  }

  private LayerEntry judge(TarEntry entry, LinuxPath clean) throws InvalidLayerException {
    if (clean.length() > PATH_BYTES_MAX) {
      throw refused(entry, "has a path of " + clean.length() + " bytes");
    }
    LayerPath path = LayerPath.split(clean);
    if (path.name().equals(OPAQUE_MARK)) {
      return new LayerEntry.OpaqueDirectory(path);
    }
    if (path.name().hasPrefix(WHITEOUT_PREFIX)) {
      LinuxPath hidden = path.name().slice(WHITEOUT_PREFIX.length(), path.name().length());
      if (hidden.isEmpty() || hidden.equals(SELF) || hidden.equals(ABOVE)) {
        throw refused(entry, "is a whiteout of its own directory or its parent");
      }
      return new LayerEntry.Whiteout(
          new LayerPath(path.directory(), hidden), id(entry, entry.uid()), id(entry, entry.gid()));
    }
    LayerAttributes attributes = attributes(entry);
    return switch (entry.type()) {
      case DIRECTORY -> new LayerEntry.Directory(path, attributes);
      case REGULAR ->
          new LayerEntry.RegularFile(
              path, attributes, entry.sizeBytes(), entry.extents(), entry.contentOffset());
      case SYMBOLIC_LINK -> new LayerEntry.SymbolicLink(path, attributes, target(entry));
      case HARD_LINK -> new LayerEntry.HardLink(path, attributes, linked(entry));
      case CHARACTER_DEVICE -> device(entry, path, attributes, NodeType.CHARACTER_DEVICE);
      case BLOCK_DEVICE -> device(entry, path, attributes, NodeType.BLOCK_DEVICE);
      case FIFO -> new LayerEntry.Node(path, attributes, NodeType.FIFO, 0, 0);
      case UNKNOWN -> throw refused(entry, "has a type that layers cannot have");
    };
  }

  private static LinuxPath target(TarEntry entry) throws InvalidLayerException {
    LinuxPath target = entry.linkName();
    if (target.isEmpty() || target.length() > PATH_BYTES_MAX) {
      throw refused(entry, "is a symbolic link with a target of " + target.length() + " bytes");
    }
    return target;
  }

  private static LayerPath linked(TarEntry entry) throws InvalidLayerException {
    LinuxPath clean = LayerPath.clean(entry.linkName());
    if (clean.isEmpty()) {
      throw refused(entry, "is a hard link to the root");
    }
    if (clean.length() > PATH_BYTES_MAX) {
      throw refused(entry, "is a hard link to a path of " + clean.length() + " bytes");
    }
    return LayerPath.split(clean);
  }

  private static LayerEntry.Node device(
      TarEntry entry, LayerPath path, LayerAttributes attributes, NodeType type)
      throws InvalidLayerException {
    long major = entry.deviceMajor();
    long minor = entry.deviceMinor();
    if (major < 0 || major > DEVICE_MAJOR_MAX || minor < 0 || minor > DEVICE_MINOR_MAX) {
      throw refused(entry, "is device %d:%d, which Linux does not have".formatted(major, minor));
    }
    return new LayerEntry.Node(path, attributes, type, (int) major, (int) minor);
  }

  private LayerAttributes attributes(TarEntry entry) throws InvalidLayerException {
    Timespec modified = settable(entry.modified());
    Timespec accessed = entry.accessed();
    return new LayerAttributes(
        (int) entry.mode() & MODE_BITS,
        id(entry, entry.uid()),
        id(entry, entry.gid()),
        accessed == null || accessed.compareTo(entry.modified()) <= 0
            ? modified
            : settable(accessed),
        modified,
        allowedXattrs(entry));
  }

  /**
   * {@return the attributes that the layer may set} Drops and counts overlayfs's own, with which an
   * image could control how the kernel combines its layers, and other trusted ones, as containerd
   * does.
   */
  private List<TarXattr> allowedXattrs(TarEntry entry) throws InvalidLayerException {
    List<TarXattr> all = entry.xattrs();
    if (all.isEmpty()) {
      return all;
    }
    List<TarXattr> allowed = new ArrayList<>(all.size());
    for (TarXattr xattr : all) {
      LinuxPath name = xattr.name();
      int valueBytes = xattr.value().length;
      if (name.hasPrefix(OVERLAY_TRUSTED) || name.hasPrefix(OVERLAY_USER)) {
        overlayXattrsDropped++;
      } else if (name.hasPrefix(TRUSTED)) {
        trustedXattrsDropped++;
      } else if (name.isEmpty()
          || name.length() > XATTR_NAME_BYTES_MAX
          || valueBytes > XATTR_VALUE_BYTES_MAX) {
        throw refused(
            entry,
            "has an extended attribute with a name of %d and a value of %d bytes"
                .formatted(name.length(), valueBytes));
      } else {
        allowed.add(xattr);
      }
    }
    return List.copyOf(allowed);
  }

  private static int id(TarEntry entry, long id) throws InvalidLayerException {
    if (id < 0 || id > ID_MAX) {
      throw refused(entry, "belongs to " + id + ", which is not a valid user or group id");
    }
    return (int) id;
  }

  private static Timespec settable(Timespec time) {
    boolean fits = time.compareTo(TIME_MIN) >= 0 && time.compareTo(TIME_MAX) <= 0;
    return fits ? time : TIME_MIN;
  }

  private static InvalidLayerException refused(TarEntry entry, String reason) {
    return new InvalidLayerException(entry.description() + " " + reason);
  }
}
