package io.gatun.snapshot.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Goal: filters accept the same snapshots as containerd's. Method: a table over six snapshots. */
class FiltersTest {

  private static final Instant NOW = Instant.parse("2026-01-02T03:04:05.678901234Z");

  private static SnapshotInfo info(
      Kind kind, String name, String parent, Map<String, String> labels) {
    return new SnapshotInfo(kind, name, parent, labels, NOW, NOW);
  }

  private static final List<SnapshotInfo> SNAPSHOTS =
      List.of(
          info(
              Kind.COMMITTED,
              "base",
              "",
              Map.of("containerd.io/snapshot.ref", "sha256:abc", "foo", "true")),
          info(
              Kind.COMMITTED,
              "child",
              "base",
              Map.of(
                  "containerd.io/snapshot.ref",
                  "sha256:def",
                  "foo",
                  "present",
                  "more complex label",
                  "present")),
          info(
              Kind.ACTIVE,
              "k8s.io/12/extract-1 sha256:aa",
              "child",
              Map.of("compound", "omg_asdf.asdf-qwer", "a.b.c", "dots")),
          info(
              Kind.ACTIVE,
              "container",
              "",
              Map.of("with \\ and \"", "present", "with \\ and \".post", "more")),
          info(Kind.VIEW, "牛", "base", Map.of("牛", "moo", "tab\there", "1")),
          info(Kind.VIEW, "too complex, yo", "child", Map.of()));

  private static final List<String> ALL = SNAPSHOTS.stream().map(SnapshotInfo::name).toList();
  private static final String EXTRACT = "k8s.io/12/extract-1 sha256:aa";

  private static List<String> accepted(String... filters) {
    Predicate<SnapshotInfo> predicate = Filters.parse(List.of(filters));
    return SNAPSHOTS.stream().filter(predicate).map(SnapshotInfo::name).toList();
  }

  record Accepts(String filter, List<String> names) {}

  private static Accepts accepts(String filter, String... names) {
    return new Accepts(filter, List.of(names));
  }

  static Stream<Accepts> selections() {
    return Stream.of(
        accepts("", ALL.toArray(String[]::new)),
        accepts("name", ALL.toArray(String[]::new)),
        accepts("parent", ALL.toArray(String[]::new)),
        accepts("kind", ALL.toArray(String[]::new)),
        accepts("kind==active", EXTRACT, "container"),
        accepts("kind==view", "牛", "too complex, yo"),
        accepts("kind==committed", "base", "child"),
        accepts("kind==Active"),
        accepts("kind.whatever==active", EXTRACT, "container"),
        accepts("\"kind\"==active", EXTRACT, "container"),
        accepts("name==base", "base"),
        accepts("name == base", "base"),
        accepts("\t name\n==\u3000base", "base"),
        accepts("name!=base", "child", EXTRACT, "container", "牛", "too complex, yo"),
        accepts("name==\"base\"", "base"),
        accepts("name==\"too complex, yo\"", "too complex, yo"),
        accepts("name==牛", "牛"),
        accepts("name==\"\\347\\211\\233\"", "牛"),
        accepts("name==\"\\xE7\\x89\\x9b\"", "牛"),
        accepts("name==\"\\u725b\"", "牛"),
        accepts("name==\"\\U0000725B\"", "牛"),
        accepts("name==\"\\xE7\""),
        accepts("name!=\"\\xE7\"", ALL.toArray(String[]::new)),
        accepts("name==\"\\ud800\""),
        accepts("name==\"\\142\\x61\\u0073\\U00000065\"", "base"),
        accepts("name==\"\\U80000062\\U80000061se\"", "base"),
        accepts("name==k8s.io/12/extract-1"),
        accepts("name==\"k8s.io/12/extract-1 sha256:aa\"", EXTRACT),
        accepts("parent==\"\"", "base", "container"),
        accepts("parent!=\"\"", "child", EXTRACT, "牛", "too complex, yo"),
        accepts("parent==base", "child", "牛"),
        accepts("parent==base,kind==view", "牛"),
        accepts("labels"),
        accepts("labels.foo", "base", "child"),
        accepts("labels.foo,name", "base", "child"),
        accepts("labels.foo==true", "base"),
        accepts("labels.foo!=true", "child", EXTRACT, "container", "牛", "too complex, yo"),
        accepts("labels.a.b.c==dots", EXTRACT),
        accepts("labels.\"a.b\".c==dots", EXTRACT),
        accepts("labels.compound==omg_asdf.asdf-qwer", EXTRACT),
        accepts("labels.\"more complex label\"", "child"),
        accepts("labels.\"with \\\\ and \\\"\"==present", "container"),
        accepts("labels.\"with \\\\ and \\\"\".post==more", "container"),
        accepts("labels.\"tab\\there\"==1", "牛"),
        accepts("labels.\"牛\"", "牛"),
        accepts("labels.\"containerd.io/snapshot.ref\"==sha256:def,parent==base", "child"),
        accepts("unknown"),
        accepts("unknown==\"\""),
        accepts("unknown!=\"\""),
        accepts("unknown!=x", ALL.toArray(String[]::new)),
        accepts("unknown~=^$", ALL.toArray(String[]::new)),
        accepts("0==0"),
        accepts("_!=_", ALL.toArray(String[]::new)),
        accepts("name~=as", "base"),
        accepts("name~=^chi", "child"),
        accepts("name~=^hild"),
        accepts("name~=/[ab]{2}/", "base", EXTRACT),
        accepts("name~=|extract-1|", EXTRACT),
        accepts("name~=|8s.io/12|", EXTRACT),
        accepts("name~=\"complex, yo$\"", "too complex, yo"),
        accepts("name~=/\\/12\\//", EXTRACT),
        accepts("name~=[abc]+,kind!=active", "base", "child", "too complex, yo"),
        accepts("name~=(?i)BASE", "base"),
        accepts("name~=\\p{Han}", "牛"),
        accepts("name~=^.$", "牛"),
        accepts("name~=\"\"", ALL.toArray(String[]::new)),
        accepts("name~=(", new String[0]),
        accepts("name~=(?=lookahead)", new String[0]),
        accepts("name~=(a)\\1", new String[0]),
        accepts("name~=\"\\xff\"", new String[0]),
        accepts("name==\u0001base"),
        accepts("name==base,name==child"),
        accepts("name==a=b"),
        accepts("name==\"base\",labels.foo", "base"));
  }

  @ParameterizedTest
  @MethodSource("selections")
  void acceptsWhatContainerdAccepts(Accepts expected) {
    assertThat(accepted(expected.filter())).isEqualTo(expected.names());
  }

  record Refuses(String filter, String message) {}

  static Stream<Refuses> refusals() {
    return Stream.of(
        new Refuses("name==foo,", "[name==foo,]: expected field or quoted"),
        new Refuses(",", "[ >|,|< ]: expected field or quoted"),
        new Refuses(" ", "[ ]: expected field or quoted"),
        new Refuses("labels.", "[labels.]: expected field or quoted"),
        new Refuses("labels..foo", "[labels. >|.|< foo]: expected field or quoted"),
        new Refuses("==", "[ >|=|< =]: expected field or quoted"),
        new Refuses("image~=,id?=?fbaq", "[image~= >|,|< id?=?fbaq]: expected value or quoted"),
        new Refuses("name==", "[name==]: expected value or quoted"),
        new Refuses("name==.x", "[name== >|.|< x]: expected value or quoted"),
        new Refuses("name== ==x", "[name==  >|=|< =x]: expected value or quoted"),
        new Refuses("name=x", "[name >|=|< x]: unsupported operator \"=\""),
        new Refuses("name===x", "[name >|=|< ==x]: unsupported operator \"===\""),
        new Refuses("name=~x", "[name >|=|< ~x]: unsupported operator \"=~\""),
        new Refuses("name ", "[name ]: expected an operator (\"==\"|\"!=\"|\"~=\")"),
        new Refuses("a b", "[a  >|b|< ]: expected an operator (\"==\"|\"!=\"|\"~=\")"),
        new Refuses("a .b", "[a  >|.|< b]: expected an operator (\"==\"|\"!=\"|\"~=\")"),
        new Refuses("name==x y", "[name==x >| |< y]: unexpected input:  "),
        new Refuses("name==\"x\"y", "[name==\"x\" >|y|< ]: unexpected input: y"),
        new Refuses("name==x\u0000", "[name==x >|\u0000|< ]: unexpected input: \uFFFD"),
        new Refuses("na\u0000me", "[na >|\u0000|< me]: unexpected null"),
        new Refuses("name==\uFFFD", "[name== >|\uFFFD|< \uFFFD\uFFFD]: rune error"),
        new Refuses("\uD800", "[ >|\uFFFD|< \uFFFD\uFFFD]: rune error"),
        new Refuses("牛", "[ >|\uFFFD|< \uFFFD\uFFFD]: expected field or quoted"),
        new Refuses("labels.|foo|==x", "[labels. >|||< foo|==x]: invalid quote encountered"),
        new Refuses("name==/x/", "[name== >|/|< x/]: invalid quote encountered"),
        new Refuses("labels.?\"x\"==y", "[labels. >|?|< \"x\"==y]: expected field or quoted"),
        new Refuses(
            "labels.ns/key==value", "[labels.ns >|/|< key==value]: quoted literal not terminated"),
        new Refuses(
            "labels.key==/value", "[labels.key== >|/|< value]: quoted literal not terminated"),
        new Refuses("name==\"a\nb\"", "[name== >|\"|< a\nb\"]: quoted literal not terminated"),
        new Refuses("name==\"\\g\"", "[name== >|\"|< \\g\"]: illegal escape sequence"),
        new Refuses("name==\"\\'\"", "[name== >|\"|< \\'\"]: illegal escape sequence"),
        new Refuses("name==\"\\xaz\"", "[name== >|\"|< \\xaz\"]: illegal numeric escape sequence"),
        new Refuses("name==\"\\08\"", "[name== >|\"|< \\08\"]: illegal numeric escape sequence"),
        new Refuses(
            "name==\"\\400\"", "[name== >|\"|< \\400\"]: unquoting failed: quote syntax error"),
        new Refuses(
            "name==\"\\U00110000\"",
            "[name== >|\"|< \\U00110000\"]: unquoting failed: quote syntax error"));
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void refusesInTheWordsOfContainerd(Refuses expected) {
    assertThatThrownBy(() -> Filters.parse(List.of(expected.filter())))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessage("filters: parse error: " + expected.message());
  }

  @Test
  void acceptsEverythingIfThereIsNoFilter() {
    assertThat(accepted()).isEqualTo(ALL);
  }

  @Test
  void acceptsWhatOneOfSeveralFiltersAccepts() {
    assertThat(accepted("name==base", "name==child", "kind==nothing"))
        .containsExactly("base", "child");
  }

  @Test
  void acceptsEverythingIfOneOfTheFiltersIsEmpty() {
    assertThat(accepted("name==base", "")).isEqualTo(ALL);
  }

  @Test
  void refusesAllFiltersIfOneDoesNotParse() {
    assertThatThrownBy(() -> Filters.parse(List.of("", "name==base", "name==")))
        .isInstanceOf(SnapshotException.InvalidArgument.class);
  }

  @Test
  void quotesOnlyTheSurroundingsOfAnErrorInALongFilter() {
    String filter = "name==" + "牛".repeat(100_000) + " oops" + ",".repeat(100_000);
    assertThatThrownBy(() -> Filters.parse(List.of(filter)))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessageStartingWith("filters: parse error: [...牛")
        .hasMessageContaining("牛 >| |< oops,,")
        .hasMessageEndingWith(",,...]: unexpected input:  ")
        .message()
        .hasSizeLessThan(1_000)
        .doesNotContain("\uFFFD");
  }

  @Test
  void parsesAFilterOfMegabytes() {
    String filter =
        "name==base" + ",name!=x".repeat(500_000) + ",labels" + ".a".repeat(500_000) + "!=b";
    assertThat(accepted(filter)).containsExactly("base");
  }
}
