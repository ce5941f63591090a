package io.gatun.cli;

import io.gatun.cli.text.Formats;
import io.gatun.snapshot.SnapshotInfo;
import java.io.PrintWriter;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code gatun tree}. */
@Command(
    name = "tree",
    description = "Shows the snapshots of a running daemon, each below its parent.")
final class TreeCommand implements Runnable {

  @Mixin private DaemonOptions daemon;
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    List<SnapshotInfo> snapshots;
    try (SnapshotsClient client = daemon.connect()) {
      snapshots = client.list(List.of());
    }
    print(snapshots, spec.commandLine().getOut());
  }

  /** A snapshot still to be printed, with the indentation of its children. */
  private record Node(SnapshotInfo snapshot, String indentation, boolean isTop, boolean isLast) {}

  /** Iterative, since a chain may be longer than the stack is deep. */
  static void print(List<SnapshotInfo> snapshots, PrintWriter out) {
    Set<String> names = new HashSet<>();
    snapshots.forEach(snapshot -> names.add(snapshot.name()));
    Map<String, List<SnapshotInfo>> children =
        snapshots.stream()
            .sorted(Comparator.comparing(SnapshotInfo::name))
            .collect(
                Collectors.groupingBy(
                    // The parent may have been removed during the listing.
                    snapshot -> names.contains(snapshot.parent()) ? snapshot.parent() : ""));
    Deque<Node> left = new ArrayDeque<>();
    pushAll(left, children.getOrDefault("", List.of()), "", true);
    while (!left.isEmpty()) {
      Node node = left.pop();
      String branch = node.isTop() ? "" : node.isLast() ? "└─ " : "├─ ";
      out.println(
          node.indentation()
              + branch
              + Formats.name(node.snapshot().name())
              + " ("
              + node.snapshot().kind().filterName()
              + ")");
      String below = node.isTop() ? "" : node.indentation() + (node.isLast() ? "   " : "│  ");
      pushAll(left, children.getOrDefault(node.snapshot().name(), List.of()), below, false);
    }
  }

  private static void pushAll(
      Deque<Node> left, List<SnapshotInfo> siblings, String indentation, boolean areTops) {
    for (int i = siblings.size() - 1; i >= 0; i--) {
      left.push(new Node(siblings.get(i), indentation, areTops, i == siblings.size() - 1));
    }
  }
}
