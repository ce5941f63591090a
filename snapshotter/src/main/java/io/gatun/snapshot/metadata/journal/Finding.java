package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.file.NodeType;
import java.util.Locale;

/**
 * A flaw found in the metadata.
 *
 * @param file the name of the file below {@code metadata/}
 * @param offset its position in the file, in bytes
 * @param sentence the description
 */
public record Finding(Severity severity, String file, long offset, String sentence) {

  /** The effect of a finding on acknowledged changes. */
  public enum Severity {
    /**
     * A batch that was being written when the machine stopped. It was never acknowledged and is cut
     * off.
     */
    TORN_TAIL,
    /** An unfinished file, or one that is not needed any more. */
    LEFTOVER,
    /** A file of another origin, or one kept by a repair. */
    FOREIGN,
    /** Gatun never writes this; the store opens all the same. */
    IMPOSSIBLE,
    /** The mode or owner has changed. */
    ATTRIBUTES,
    /** A redundant file that disagrees with the others. It is rebuilt. */
    STALE,
    /** Acknowledged changes may be missing. */
    DAMAGE,
    /** The kernel cannot read the file, or it is not a regular file. */
    UNREADABLE,
    /** Written by a later version, which is needed to open it. */
    UNKNOWN_VERSION
  }

  static Finding tornTail(String file, long offset, String sentence) {
    return new Finding(Severity.TORN_TAIL, file, offset, sentence);
  }

  public static Finding leftover(String file, String sentence) {
    return new Finding(Severity.LEFTOVER, file, 0, sentence);
  }

  public static Finding foreign(String file, String sentence) {
    return new Finding(Severity.FOREIGN, file, 0, sentence);
  }

  public static Finding impossible(String file, String sentence) {
    return new Finding(Severity.IMPOSSIBLE, file, 0, sentence);
  }

  public static Finding attributes(String file, String sentence) {
    return new Finding(Severity.ATTRIBUTES, file, 0, sentence);
  }

  public static Finding stale(String file, String sentence) {
    return new Finding(Severity.STALE, file, 0, sentence);
  }

  public static Finding damage(String file, long offset, String sentence) {
    return new Finding(Severity.DAMAGE, file, offset, sentence);
  }

  public static Finding misplaced(String file, NodeType type) {
    return unreadable(
        file,
        0,
        "a %s is in the place of a file"
            .formatted(type.name().toLowerCase(Locale.ROOT).replace('_', ' ')));
  }

  static Finding unreadable(String file, long offset, String sentence) {
    return new Finding(Severity.UNREADABLE, file, offset, sentence);
  }

  static Finding unknownVersion(String file, long offset, int version, int known) {
    return unknownVersion(
        file, offset, "it has format version %d; only %d is known".formatted(version, known));
  }

  static Finding unknownVersion(String file, long offset, String sentence) {
    return new Finding(
        Severity.UNKNOWN_VERSION,
        file,
        offset,
        sentence + " to this gatun: use the gatun that wrote it");
  }

  /** {@return whether the store must not be opened} */
  public boolean isFatal() {
    return switch (severity) {
      case TORN_TAIL, LEFTOVER, FOREIGN, IMPOSSIBLE, ATTRIBUTES, STALE -> false;
      case DAMAGE, UNREADABLE, UNKNOWN_VERSION -> true;
    };
  }

  @Override
  public String toString() {
    return "metadata/%s at offset %d: %s".formatted(file, offset, sentence);
  }
}
