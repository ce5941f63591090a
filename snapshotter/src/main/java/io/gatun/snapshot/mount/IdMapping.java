package io.gatun.snapshot.mount;

import io.gatun.snapshot.SnapshotException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Maps the ids of a user namespace to those of the host, as in containerd's two labels:
 *
 * <pre>
 *   containerd.io/snapshot/uidmapping = 0:100000:65536
 *   containerd.io/snapshot/gidmapping = 0:100000:1000,1000:5000:1
 * </pre>
 *
 * <p>Each range is {@code <first id inside>:<first id outside>:<count>}. A missing label maps every
 * id to itself.
 */
public final class IdMapping {

  /** (uid_t) -1 means "no id" in chown(2) and is never valid. */
  private static final long ID_LIMIT = 0xFFFF_FFFFL;

  private static final Pattern RANGE = Pattern.compile("([0-9]{1,10}):([0-9]{1,10}):([0-9]{1,10})");

  private final String label;
  private final String value;
  private final List<Range> ranges;

  private record Range(long inside, long outside, long count) {}

  private IdMapping(String label, String value, List<Range> ranges) {
    this.label = label;
    this.value = value;
    this.ranges = ranges;
  }

  /**
   * {@return the mapping in a label}
   *
   * @throws SnapshotException.InvalidArgument if its value is invalid
   */
  public static IdMapping ofLabel(String label, Map<String, String> labels) {
    String value = labels.getOrDefault(label, "");
    List<Range> ranges = new ArrayList<>();
    if (!value.isEmpty()) {
      for (String part : value.split(",", -1)) {
        ranges.add(range(label, part));
      }
    }
    return new IdMapping(label, value, List.copyOf(ranges));
  }

  private static Range range(String label, String text) {
    Matcher parts = RANGE.matcher(text);
    if (!parts.matches()) {
      throw new SnapshotException.InvalidArgument(
          "label %s: %s is not <id inside>:<id outside>:<count>".formatted(label, text));
    }
    Range range =
        new Range(
            Long.parseLong(parts.group(1)),
            Long.parseLong(parts.group(2)),
            Long.parseLong(parts.group(3)));
    if (range.inside + range.count > ID_LIMIT || range.outside + range.count > ID_LIMIT) {
      throw new SnapshotException.InvalidArgument(
          "label %s: %s reaches beyond the last id".formatted(label, text));
    }
    return range;
  }

  /**
   * {@return the outside id of the namespace's root, in the form for chown(2)}
   *
   * @throws SnapshotException.InvalidArgument if root is not mapped
   */
  public int root() {
    if (ranges.isEmpty()) {
      return 0;
    }
    for (Range range : ranges) {
      if (range.inside == 0 && range.count > 0) {
        return (int) range.outside;
      }
    }
    throw new SnapshotException.InvalidArgument(
        "label %s: the id 0 is not mapped".formatted(label));
  }

  String text() {
    return "%s=%s".formatted(label, value);
  }

  /** {@return the mapping in the form of {@code /proc/PID/uid_map}, one range per line} */
  String lines() {
    if (ranges.isEmpty()) {
      return "0 0 %d\n".formatted(ID_LIMIT);
    }
    StringBuilder lines = new StringBuilder();
    for (Range range : ranges) {
      lines.append("%d %d %d\n".formatted(range.inside, range.outside, range.count));
    }
    return lines.toString();
  }
}
