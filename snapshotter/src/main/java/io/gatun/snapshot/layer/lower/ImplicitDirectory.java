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

  /** The attributes that a directory takes from lower layers. */
  public enum Inherited {
    /** All attributes of the lower directory, or else {@link #GROUP}. */
    ATTRIBUTES_OR_GROUP(1),

    /** All attributes of the lower directory. */
    ATTRIBUTES(2),

    /** Extended attributes, because a later entry of the layer has set the others. */
    XATTRS(3),

    /**
     * The group of its parent, also an implicit directory, if the lower parent has the set-group-id
     * bit.
     */
    GROUP(4);

    private static final Inherited[] ALL = values();

    private final int code;

    Inherited(int code) {
      this.code = code;
    }

    /** {@return its code on disk; never 0} */
    public byte code() {
      return (byte) code;
    }

    public static @Nullable Inherited ofCode(int code) {
      return code < 1 || code > ALL.length ? null : ALL[code - 1];
    }
  }
}
