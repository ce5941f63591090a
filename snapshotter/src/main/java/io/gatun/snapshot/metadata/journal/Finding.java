package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.NodeType;
import java.util.Locale;

/**
 * Something about the metadata that is not as it should be.
 *
 * @param severity what it means
 * @param file the name of the file below {@code metadata/}
 * @param offset where in the file, in bytes
 * @param sentence what is wrong
 */
public record Finding(Severity severity, String file, long offset, String sentence) {

  /** What a finding means for what was acknowledged. */
  public enum Severity {
    /**
     * A batch that was being written when the machine stopped. It was never acknowledged, and is
     * cut off.
     */
    TORN_TAIL,
    /** Something that was not finished, or is not needed any more. */
    LEFTOVER,
    /** Something that was put there by somebody else, or kept by a repair. */
    FOREIGN,
    /** Gatun never writes such a thing; the store opens all the same. */
    IMPOSSIBLE,
    /** A mode or an owner is not what it was. */
    ATTRIBUTES,
    /**
     * A file that holds nothing but what others hold as well, and does not agree with them. It is
     * made anew.
     */
    STALE,
    /** Something that was acknowledged may be missing. */
    DAMAGE,
    /** The kernel does not let the file be read, or it is none. */
    UNREADABLE,
    /** Written by a later version, which has to be used. */
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
        "here is a %s where a file should be"
            .formatted(type.name().toLowerCase(Locale.ROOT).replace('_', ' ')));
  }

  static Finding unreadable(String file, long offset, String sentence) {
    return new Finding(Severity.UNREADABLE, file, offset, sentence);
  }

  static Finding unknownVersion(String file, long offset, int version, int known) {
    return unknownVersion(
        file, offset, "it has format version %d, and only %d is known".formatted(version, known));
  }

  static Finding unknownVersion(String file, long offset, String sentence) {
    return new Finding(
        Severity.UNKNOWN_VERSION,
        file,
        offset,
        sentence + " to this gatun: use the gatun that wrote it");
  }

  /** {@return whether the store must not be opened as long as this is so} */
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
