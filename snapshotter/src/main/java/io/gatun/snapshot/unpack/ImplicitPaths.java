package io.gatun.snapshot.unpack;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Stands for layers below that are not known yet, and takes note of what they are asked for. */
final class ImplicitPaths implements LowerAttributes {

  /** No ordinary layer has more of them. */
  private static final int MAX = 1_000;

  /** Nor longer paths, which only the memory would limit. */
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

  /** {@return all of them; nothing if there are more than are worth to be looked up later} */
  Optional<List<LinuxPath>> all() {
    return areTooMany ? Optional.empty() : Optional.of(List.copyOf(asked));
  }
}
