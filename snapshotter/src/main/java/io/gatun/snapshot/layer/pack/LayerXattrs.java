package io.gatun.snapshot.layer.pack;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.tar.TarXattr;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Reads the extended attributes that belong to a layer: capabilities, access control lists and user
 * attributes. Labels and hashes of security modules belong to this machine, differs drop trusted
 * attributes, and overlayfs's are its own.
 */
final class LayerXattrs {

  private static final LinuxPath USER = LinuxPath.of("user.");
  private static final LinuxPath OVERLAY_USER = LinuxPath.of("user.overlay.");
  private static final Set<LinuxPath> OTHERS =
      Set.of(
          LinuxPath.of("security.capability"),
          LinuxPath.of("system.posix_acl_access"),
          LinuxPath.of("system.posix_acl_default"));

  /** Reads the value of an attribute; nothing if it no longer exists. */
  interface Values {
    Optional<byte[]> get(LinuxPath name) throws ErrnoException;
  }

  private long leftOut;

  /** {@return the attributes of a file that belong to the layer, sorted by name} */
  List<TarXattr> read(List<LinuxPath> names, Values values) throws ErrnoException {
    List<TarXattr> attributes = new ArrayList<>();
    for (LinuxPath name : names) {
      if (isOfLayer(name)) {
        values.get(name).ifPresent(value -> attributes.add(new TarXattr(name, value)));
      }
    }
    attributes.sort(Comparator.comparing(TarXattr::name));
    return attributes;
  }

  private boolean isOfLayer(LinuxPath name) {
    if (OTHERS.contains(name)) {
      return true;
    }
    if (!name.hasPrefix(USER) || name.hasPrefix(OVERLAY_USER)) {
      return false;
    }
    for (byte each : name.bytes()) {
      if (each == '=') {
        // The first one ends the key of a record.
        leftOut++;
        return false;
      }
    }
    return true;
  }

  /** {@return the number of user attributes that a tar cannot express} */
  long leftOut() {
    return leftOut;
  }
}
