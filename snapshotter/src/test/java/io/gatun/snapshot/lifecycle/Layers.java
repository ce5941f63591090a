package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.Mount;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The directories of snapshots that a mount shows, taken from what a snapshotter answers with.
 *
 * @param upper the one that is written to, if any
 * @param lowers those that are only read, nearest first
 */
record Layers(Optional<Path> upper, List<Path> lowers) {

  /** The root's empty directory stands in where overlay wants a lower one and there is none. */
  private static final Path EMPTY = Path.of("empty");

  static Layers of(Mount mount) {
    return switch (mount.type()) {
      case "bind" -> ofBind(mount);
      case "overlay" ->
          new Layers(
              option(mount, "upperdir=").map(Path::of),
              Arrays.stream(option(mount, "lowerdir=").orElseThrow().split(":"))
                  .map(Path::of)
                  .filter(lower -> !lower.endsWith(EMPTY))
                  .toList());
      default -> throw new AssertionError("what kind of mount is " + mount);
    };
  }

  private static Layers ofBind(Mount mount) {
    Path source = Path.of(mount.source());
    if (mount.options().equals(List.of("rw", "rbind"))) {
      return new Layers(Optional.of(source), List.of());
    }
    if (mount.options().equals(List.of("ro", "rbind"))) {
      return new Layers(Optional.empty(), List.of(source));
    }
    throw new AssertionError("neither to read nor to write: " + mount);
  }

  private static Optional<String> option(Mount mount, String name) {
    return mount.options().stream()
        .filter(option -> option.startsWith(name))
        .map(option -> option.substring(name.length()))
        .findFirst();
  }

  /** {@return all of them, nearest first} */
  List<Path> stack() {
    return Stream.concat(upper.stream(), lowers.stream()).toList();
  }

  /**
   * {@return the ids of the snapshots whose directories they are, nearest first; the empty lower of
   * a layer unpacked by itself is nobody's}
   */
  List<Long> ids() {
    return stack().stream()
        .filter(layer -> !layer.endsWith("empty"))
        .map(files -> Long.valueOf(files.getName(files.getNameCount() - 2).toString()))
        .toList();
  }
}
