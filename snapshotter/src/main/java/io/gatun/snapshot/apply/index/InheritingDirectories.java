package io.gatun.snapshot.apply.index;

import io.gatun.linux.LinuxPath;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The directories that a layer needs and does not name, in the order in which it turned out to need
 * them; for layers below that become known when all of it has been read.
 *
 * <p>What is made in a directory may depend on that: on a default access control list and on the
 * set-group-ID bit. Then it is too late.
 */
final class InheritingDirectories {

  /** A layer with more of them is one that nobody makes for good. */
  private static final int MAX = 1_000;

  private static final int SET_GROUP_ID = 02000;

  private final List<Needed> all = new ArrayList<>();
  private boolean isTooLate;

  private record Needed(LinuxPath path, int directory) {}

  /**
   * One of them, with what it inherits.
   *
   * @param directory the inode, which may be gone by now, or be named
   */
  record Found(LinuxPath path, int directory, Optional<InheritedAttributes> inherited) {}

  /**
   * Adds one.
   *
   * @param isPlain whether it has no attributes from the directory in which it is
   */
  void add(LinuxPath path, int directory, boolean isPlain) {
    if (!isPlain || all.size() == MAX) {
      isTooLate = true;
    } else {
      all.add(new Needed(path, directory));
    }
  }

  /** {@return all of them; nothing if it is too late} */
  Optional<List<Found>> find(InheritedAttributes top, Inheritance below) throws IOException {
    if (isTooLate || isPassedOn(top)) {
      return Optional.empty();
    }
    List<Found> found = new ArrayList<>();
    for (Needed each : all) {
      Optional<InheritedAttributes> inherited = below.of(each.path);
      if (inherited.isPresent() && isPassedOn(inherited.get())) {
        return Optional.empty();
      }
      found.add(new Found(each.path, each.directory, inherited));
    }
    return Optional.of(found);
  }

  private static boolean isPassedOn(InheritedAttributes attributes) {
    return !attributes.xattrs().isEmpty() || (attributes.mode() & SET_GROUP_ID) != 0;
  }
}
