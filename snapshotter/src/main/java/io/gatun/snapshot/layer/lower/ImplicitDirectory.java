package io.gatun.snapshot.layer.lower;

import io.gatun.linux.LinuxPath;
import org.jspecify.annotations.Nullable;

/**
 * A directory that the layer needs but has no entry for, at a path that lower layers may contain as
 * well.
 *
 * @param path from the root, without links
 * @param inherited attributes that it takes from lower layers
 */
public record ImplicitDirectory(LinuxPath path, Inherited inherited) {

  /**
   * The attributes that a directory takes from lower layers. Records on disk have their positions
   * in this list.
   */
  public enum Inherited {
    /** All attributes of the lower directory, or else {@link #GROUP}. */
    ATTRIBUTES_OR_GROUP,

    /** All attributes of the lower directory. */
    ATTRIBUTES,

    /** Extended attributes, because a later entry of the layer has set the others. */
    XATTRS,

    /**
     * The group of its parent, also an implicit directory, if the lower parent has the set-group-id
     * bit.
     */
    GROUP;

    private static final Inherited[] ALL = values();

    /** {@return its code on disk; never 0} */
    public byte code() {
      return (byte) (ordinal() + 1);
    }

    public static @Nullable Inherited ofCode(int code) {
      return code < 1 || code > ALL.length ? null : ALL[code - 1];
    }
  }
}
