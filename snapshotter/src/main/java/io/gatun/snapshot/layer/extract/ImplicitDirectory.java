package io.gatun.snapshot.layer.extract;

import io.gatun.linux.LinuxPath;
import org.jspecify.annotations.Nullable;

/**
 * A directory that was made because a layer has something in it, at a place where the layers below
 * may have one, too.
 *
 * @param path from the top, without links on the way
 * @param inherited what it has of them
 */
public record ImplicitDirectory(LinuxPath path, Inherited inherited) {

  /** What a directory has of the layers below. */
  public enum Inherited {
    /** All attributes of the one at its place, or else {@link #GROUP}. */
    ATTRIBUTES_OR_GROUP(1),

    /** All attributes of the one at its place. */
    ATTRIBUTES(2),

    /** What the entry does not say that the layer has for it further on: extended attributes. */
    XATTRS(3),

    /** The group of the one above, which was made unnamed as well, if below that passes it on. */
    GROUP(4);

    private static final Inherited[] ALL = values();

    private final int code;

    Inherited(int code) {
      this.code = code;
    }

    /** {@return what stands for it on the disk; never 0} */
    byte code() {
      return (byte) code;
    }

    /** {@return what a code stands for, or null} */
    static @Nullable Inherited ofCode(int code) {
      return code < 1 || code > ALL.length ? null : ALL[code - 1];
    }
  }
}
