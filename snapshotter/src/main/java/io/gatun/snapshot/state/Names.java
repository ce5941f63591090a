package io.gatun.snapshot.state;

import io.gatun.snapshot.SnapshotException;
import java.util.Map;
import java.util.TreeMap;

/** The limits of keys, names and labels, and the parts of a key. */
public final class Names {

  /**
   * In bytes of UTF-8. Equals bbolt's limit on a key, which binds containerd's own snapshotters.
   */
  static final int NAME_LENGTH_BYTES_MAX = 32_768;

  /** In bytes of UTF-8, key and value together; containerd's limit on a label. */
  static final int LABEL_LENGTH_BYTES_MAX = 4096;

  /** The prefix of the keys under which containerd's unpackers create snapshots for layers. */
  private static final String EXTRACTION_PREFIX = "extract-";

  private Names() {}

  /**
   * Checks a key or name of a request.
   *
   * @param operation for the message
   * @param role the field of the request, such as {@code key}
   */
  public static void check(String operation, String role, String name) {
    if (name.isEmpty()) {
      throw new SnapshotException.InvalidArgument("%s: %s is empty".formatted(operation, role));
    }
    long length = utf8Length(operation, role, name);
    if (length > NAME_LENGTH_BYTES_MAX) {
      throw new SnapshotException.InvalidArgument(
          "%s: %s has %d bytes, and at most %d are allowed"
              .formatted(operation, role, length, NAME_LENGTH_BYTES_MAX));
    }
    if (name.indexOf('\0') >= 0) {
      throw new SnapshotException.InvalidArgument(
          "%s: %s has a NUL character at %d".formatted(operation, role, name.indexOf('\0')));
    }
  }

  /** Checks the parent of a request; empty for none. */
  public static void checkParent(String operation, String parent) {
    if (!parent.isEmpty()) {
      check(operation, "parent", parent);
    }
  }

  /**
   * Checks the labels of a request.
   *
   * @return the labels to store, without those whose value is empty, which containerd's store drops
   *     too
   */
  public static Map<String, String> checkLabels(String operation, Map<String, String> labels) {
    Map<String, String> kept = new TreeMap<>();
    labels.forEach(
        (key, value) -> {
          if (key.isEmpty()) {
            throw new SnapshotException.InvalidArgument(
                "%s: a label has an empty key".formatted(operation));
          }
          long length =
              utf8Length(operation, "label key", key) + utf8Length(operation, "label value", value);
          if (length > LABEL_LENGTH_BYTES_MAX) {
            throw new SnapshotException.InvalidArgument(
                "%s: label %s has %d bytes with its value, and at most %d are allowed"
                    .formatted(operation, abbreviate(key), length, LABEL_LENGTH_BYTES_MAX));
          }
          if (!value.isEmpty()) {
            kept.put(key, value);
          }
        });
    return kept;
  }

  /**
   * {@return whether containerd created the snapshot of this key in order to unpack a layer into
   * it}
   *
   * <p>containerd's keys are {@code <namespace>/<sequence>/<key>}, and its unpackers choose {@code
   * extract-<time>-<random> <chain id>} for the last part. No label tells these snapshots apart.
   */
  public static boolean isExtraction(String key) {
    int namespaceEnd = key.indexOf('/');
    int sequenceEnd = key.indexOf('/', namespaceEnd + 1);
    return namespaceEnd > 0
        && sequenceEnd > namespaceEnd + 1
        && key.chars().limit(sequenceEnd).skip(namespaceEnd + 1).allMatch(c -> c >= '0' && c <= '9')
        && key.startsWith(EXTRACTION_PREFIX, sequenceEnd + 1);
  }

  /**
   * {@return whether a name belongs to a namespace of containerd, which is the part before the
   * first slash}
   */
  public static boolean belongsTo(String namespace, String name) {
    return name.length() > namespace.length()
        && name.startsWith(namespace)
        && name.charAt(namespace.length()) == '/';
  }

  /** {@return at most the first 64 characters, for a message} */
  private static String abbreviate(String text) {
    return text.length() <= 64 ? text : text.substring(0, 64) + "...";
  }

  private static long utf8Length(String operation, String role, String text) {
    long length = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < 0x80) {
        length += 1;
      } else if (c < 0x800) {
        length += 2;
      } else if (!Character.isSurrogate(c)) {
        length += 3;
      } else if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        length += 4;
        i++;
      } else {
        throw new SnapshotException.InvalidArgument(
            "%s: %s has half a surrogate pair at %d".formatted(operation, role, i));
      }
    }
    return length;
  }
}
