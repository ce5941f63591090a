package io.gatun.snapshot.apply.tree;

import io.gatun.linux.LinuxPath;
import java.util.List;
import java.util.Set;

/**
 * A directory that was made because a layer has something in it, at a place where the layers below
 * may have one, too.
 *
 * @param path from the top, without links on the way
 * @param inherited what it has of them
 */
public record UnnamedDirectory(LinuxPath path, Inherited inherited) {

  /**
   * {@return directories of which the layer names none}
   *
   * @param paths all there are, each before what is in it
   */
  public static List<UnnamedDirectory> all(List<LinuxPath> paths) {
    Set<LinuxPath> unnamed = Set.copyOf(paths);
    return paths.stream()
        .map(
            path ->
                new UnnamedDirectory(
                    path,
                    unnamed.contains(Places.of(path).directory())
                        ? Inherited.ATTRIBUTES_OR_GROUP
                        : Inherited.ATTRIBUTES))
        .toList();
  }

  /** What a directory has of the layers below. */
  public enum Inherited {
    /** All attributes of the one at its place, or else {@link #GROUP}. */
    ATTRIBUTES_OR_GROUP,

    /** All attributes of the one at its place. */
    ATTRIBUTES,

    /** What the entry does not say that the layer has for it further on: extended attributes. */
    XATTRS,

    /** The group of the one above, which was made unnamed as well, if below that passes it on. */
    GROUP
  }
}
