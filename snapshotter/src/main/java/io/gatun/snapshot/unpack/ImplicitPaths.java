package io.gatun.snapshot.unpack;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Stands in for layers below that are not known yet, and collects the paths that are looked up in
 * them.
 */
final class ImplicitPaths implements LowerAttributes {

  /** The maximum number of paths. No ordinary layer has more. */
  private static final int MAX = 1_000;

  /** The maximum length of all paths together, which only memory would limit otherwise. */
  private static final int BYTES_MAX = 1 << 20;

  private final List<LinuxPath> asked = new ArrayList<>();
  private boolean areTooMany;
  private long bytes;

  @Override
  public Optional<InheritedAttributes> of(LinuxPath path) {
    bytes += path.bytes().length;
    areTooMany |= asked.size() == MAX || bytes > BYTES_MAX;
    if (!areTooMany) {
      asked.add(path);
    }
    return Optional.empty();
  }

  /** {@return all paths; nothing if they are too many or too long to be looked up later} */
  Optional<List<LinuxPath>> all() {
    return areTooMany ? Optional.empty() : Optional.of(List.copyOf(asked));
  }
}
