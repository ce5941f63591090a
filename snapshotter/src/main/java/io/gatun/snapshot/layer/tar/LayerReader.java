package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.linux.Timespec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Says what each entry of a tar means in a layer, or refuses the layer.
 *
 * <p>The rules are containerd's (its package archive), and a layer that it takes means the same
 * here, with two exceptions. The target of a hard link is made clean by its text as names are,
 * where containerd follows links before a {@code ..} and at a slash at its end. And a global
 * extended header is no entry: containerd takes the name of its header, or that of a {@code path}
 * in it, for that of one, removes what is there or hides it if it is a whiteout's, and makes
 * nothing.
 *
 * <p>Refused, where containerd goes on:
 *
 * <ul>
 *   <li>owners that do not fit into 32 bits, which it cuts off so that 2^32 becomes root, and
 *       2^32-1, which chown(2) takes as "leave it";
 *   <li>device numbers beyond Linux' 12 and 20 bits, which it cuts off, too (the current release
 *       refuses those beyond 32 bits);
 *   <li>paths, targets of symbolic links, and names and values of extended attributes that are
 *       longer than the kernel takes, and targets and names that are empty, which it only finds out
 *       when it makes them: the layer is refused whatever form it would have had.
 * </ul>
 */
public final class LayerReader {

  /** PATH_MAX of linux/limits.h counts the NUL at the end. */
  private static final int PATH_BYTES_MAX = 4095;

  private static final int MODE_BITS = 07777;
  private static final long ID_MAX = 0xffff_fffeL;
  private static final int DEVICE_MAJOR_MAX = (1 << 12) - 1;
  private static final int DEVICE_MINOR_MAX = (1 << 20) - 1;

  /** What fits into 63 bits of nanoseconds, which is what containerd sets; 2262-04-11. */
  private static final TarTime TIME_MAX = new TarTime(9_223_372_036L, 854_775_807);

  private static final TarTime TIME_MIN = TarTime.ofSeconds(0);

  private final TarReader tar;
  private final XattrRules xattrRules = new XattrRules();
  private @Nullable TarEntry current;

  public LayerReader(TarReader tar) {
    this.tar = tar;
  }

  /**
   * {@return the next entry that says something, or nothing after the last} Entries for the root
   * itself do not: it belongs to whoever prepared the snapshot.
   *
   * @throws InvalidLayerException if the tar cannot be understood, or the entry is not allowed
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

  /** {@return what comes next of the content of the last entry} See {@link TarReader#content}. */
  public ByteBuffer content() throws IOException {
    return tar.content();
  }

  /** {@return the last entry, for a message} */
  public String description() {
    TarEntry entry = current;
    return entry == null ? "the end of the layer" : entry.description();
  }

  /** {@return how many attributes of the overlay filesystem were left out so far} */
  public long overlayXattrsDropped() {
    return xattrRules.overlayDropped();
  }

  /** {@return how many other trusted attributes were left out so far} */
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
        throw refused(entry, "is a whiteout of its own directory or of the one above");
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
      case UNKNOWN -> throw refused(entry, "has a type that layers do not have");
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
      throw refused(entry, "belongs to " + id + ", which no user or group is");
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
