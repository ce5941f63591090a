package io.gatun.snapshot.filter;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.containerd.ContainerdSnapshotter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Goal: filters select the same snapshots as containerd's, or fail with the same message. Method:
 * apply the tables of the unit tests and many random filters to both.
 */
class FilterConformanceIT {

  private static final int RANDOM_FILTERS = Integer.getInteger("gatun.filters.random", 8_000);
  private static final long SEED = Long.getLong("gatun.filters.seed", System.nanoTime());

  private static final List<String> FILTER_PIECES =
      List.of(
          "name",
          "name",
          "kind",
          "parent",
          "labels",
          "labels.",
          "a",
          "b",
          "0",
          "_",
          ".",
          ",",
          ",",
          "==",
          "==",
          "!=",
          "~=",
          "~=",
          "=",
          "!",
          "~",
          "\"",
          "\"",
          "|",
          "/",
          "\\",
          " ",
          "\n",
          "\\x41",
          "\\x",
          "\\u725b",
          "\\U00000061",
          "\\UFFFFFF61",
          "\\ud800",
          "\\101",
          "\\477",
          "\\0",
          "\\q",
          "\u0000",
          "\u0001",
          "\uFFFD",
          "牛",
          "é",
          "\u00A0",
          "\u2028",
          "\u0085",
          "\u200B",
          "\uE000",
          "\uD83D\uDE00",
          "(",
          ")",
          "[ab]",
          "{2}",
          "*",
          ".*",
          "^",
          "$",
          "active",
          "base",
          "child");

  private static final List<String> EXPRESSION_PIECES =
      List.of(
          "a",
          "a",
          "b",
          "c",
          "A",
          "(",
          "(",
          ")",
          ")",
          "(?:",
          "(?i)",
          "(?s)",
          "(?m)",
          "(?U)",
          "(?P<n>",
          "(?P<n>",
          "(?<n>",
          "[ab]",
          "[^a]",
          "[",
          "]",
          "[[:alpha:]]",
          "[[:^digit:]",
          "[a-c]",
          "[c-a]",
          "^",
          "$",
          "|",
          "*",
          "+",
          "?",
          "*?",
          "{2}",
          "{1,2}",
          "{2,}",
          "{0}",
          "{1001}",
          "{9876543210}",
          "{1000,10000}",
          "{01}",
          "{1,02}",
          "{,2}",
          "{",
          "}",
          "\\d",
          "\\W",
          "\\s",
          "\\b",
          "\\B",
          "\\A",
          "\\z",
          "\\Z",
          "\\pL",
          "\\p{Han}",
          "\\P{Greek}",
          "\\p{No}",
          "\\p{Nope}",
          "\\x61",
          "\\x{725b}",
          "\\x{",
          "\\141",
          "\\1",
          "\\Q",
          "\\E",
          "\\.",
          "\\",
          "é",
          "\\/",
          ".",
          "牛",
          "\uD83D\uDE00",
          "\\C",
          "(?=a)",
          "(?#c)",
          "a{2}{3}",
          "(a{20}){60}",
          "-",
          ",");

  private static ContainerdSnapshotter containerd;
  private static List<SnapshotInfo> snapshots;

  @BeforeAll
  static void fillTheStore() throws Exception {
    System.out.println("seed=" + SEED);
    containerd = ContainerdSnapshotter.start();
    commit("base", "", Map.of("containerd.io/snapshot.ref", "sha256:abc", "foo", "true"));
    commit("child", "base", Map.of("foo", "present", "more complex label", "present"));
    commit("aab", "", Map.of("a", "b", "a.b", "A", "\u0007", "bell"));
    containerd.prepare("k8s.io/12/extract-1 sha256:aa", "child", Map.of("a.b.c", "dots"));
    containerd.prepare("container", "", Map.of("with \\ and \"", "present", "x", "line\nfeed"));
    containerd.view("牛", "base", Map.of("牛", "moo", "tab\there", "1", "a", "b"));
    containerd.view("too complex, yo", "child", Map.of());
    containerd.view("A\uD83D\uDE00", "aab", Map.of("0", "_"));
    containerd.prepare("\u0001", "", Map.of("_", "0"));
    snapshots = new ArrayList<>();
    containerd.list(List.of(), snapshots::add);
    assertThat(snapshots).hasSize(9);
  }

  private static void commit(String name, String parent, Map<String, String> labels) {
    containerd.prepare("active", parent, Map.of());
    containerd.commit(name, "active", "", labels);
  }

  @AfterAll
  static void stop() {
    if (containerd != null) {
      containerd.close();
    }
  }

  @Test
  void theTablesHoldForContainerdToo() {
    Stream.concat(
            FiltersTest.selections().map(FiltersTest.Accepts::filter),
            FiltersTest.refusals().map(FiltersTest.Refuses::filter))
        // gRPC strings must be valid Unicode.
        .filter(filter -> StandardCharsets.UTF_8.newEncoder().canEncode(filter))
        .forEach(filter -> compare(List.of(filter)));
  }

  @Test
  void randomFiltersSelectTheSame() {
    Random random = new Random(SEED);
    for (int i = 0; i < RANDOM_FILTERS; i++) {
      List<String> filters = new ArrayList<>(List.of(pieces(random, FILTER_PIECES, 10)));
      if (i % 10 == 0) {
        filters.add(pieces(random, FILTER_PIECES, 4));
      }
      compare(filters);
    }
  }

  @Test
  void randomExpressionsMatchTheSame() {
    Random random = new Random(SEED);
    for (int i = 0; i < RANDOM_FILTERS; i++) {
      String expression = pieces(random, EXPRESSION_PIECES, 6);
      if (RegularExpression.ignoresCaseOutsideAscii(expression)) {
        continue;
      }
      compare(List.of("name~=" + FilterProperties.quoted(expression)));
    }
  }

  private static String pieces(Random random, List<String> pieces, int max) {
    StringBuilder text = new StringBuilder();
    for (int n = random.nextInt(max + 1); n > 0; n--) {
      text.append(pieces.get(random.nextInt(pieces.size())));
    }
    return text.toString();
  }

  private static void compare(List<String> filters) {
    String expected =
        outcome(visitor -> containerd.list(filters, visitor))
            .replaceFirst(": invalid argument$", "");
    String actual =
        outcome(visitor -> snapshots.stream().filter(Filters.parse(filters)).forEach(visitor));
    assertThat(actual).as("filters %s, seed %d", filters, SEED).isEqualTo(expected);
  }

  private interface Listing {
    void accept(Consumer<SnapshotInfo> visitor);
  }

  private static String outcome(Listing listing) {
    List<String> names = new ArrayList<>();
    try {
      listing.accept(info -> names.add(info.name()));
      return names.toString();
    } catch (SnapshotException.InvalidArgument e) {
      return String.valueOf(e.getMessage());
    }
  }
}
