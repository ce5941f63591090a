package io.gatun.snapshot.layer.entry;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarEntry;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.layer.tar.TarTime;
import java.io.IOException;
import java.nio.ByteBuffer;
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
  private static final TarTime TIME_MAX = new TarTime(9_223_372_036L, 854_775_807);

  private static final TarTime TIME_MIN = TarTime.ofSeconds(0);

  private final TarReader tar;
  private final XattrRules xattrRules = new XattrRules();
  private @Nullable TarEntry current;

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
      LinuxPath path = CleanPath.of(entry.name());
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
    return xattrRules.overlayDropped();
  }

  /** {@return how many other trusted attributes were dropped so far} */
  public long trustedXattrsDropped() {
    return xattrRules.trustedDropped();
  }

  private LayerEntry judge(TarEntry entry, LinuxPath clean) throws InvalidLayerException {
    if (clean.length() > PATH_BYTES_MAX) {
      throw refused(entry, "has a path of " + clean.length() + " bytes");
    }
    LayerPath path = CleanPath.split(clean);
    if (WhiteoutName.isOpaque(path.name())) {
      return new LayerEntry.OpaqueDirectory(path);
    }
    if (WhiteoutName.isWhiteout(path.name())) {
      LinuxPath hidden = WhiteoutName.hidden(path.name());
      if (!WhiteoutName.isInside(hidden)) {
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
    LinuxPath clean = CleanPath.of(entry.linkName());
    if (clean.isEmpty()) {
      throw refused(entry, "is a hard link to the root");
    }
    if (clean.length() > PATH_BYTES_MAX) {
      throw refused(entry, "is a hard link to a path of " + clean.length() + " bytes");
    }
    return CleanPath.split(clean);
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
    TarTime accessed = entry.accessed();
    return new LayerAttributes(
        (int) entry.mode() & MODE_BITS,
        id(entry, entry.uid()),
        id(entry, entry.gid()),
        accessed == null || accessed.compareTo(entry.modified()) <= 0
            ? modified
            : settable(accessed),
        modified,
        xattrRules.allowed(entry));
  }

  private static int id(TarEntry entry, long id) throws InvalidLayerException {
    if (id < 0 || id > ID_MAX) {
      throw refused(entry, "belongs to " + id + ", which is not a valid user or group id");
    }
    return (int) id;
  }

  private static Timespec settable(TarTime time) {
    boolean fits = time.compareTo(TIME_MIN) >= 0 && time.compareTo(TIME_MAX) <= 0;
    return fits ? new Timespec(time.seconds(), time.nanos()) : new Timespec(0, 0);
  }

  private static InvalidLayerException refused(TarEntry entry, String reason) {
    return new InvalidLayerException(entry.description() + " " + reason);
  }
}
