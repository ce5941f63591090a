package io.gatun.snapshot.filter;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.arbitraries.StringArbitrary;

/** Goal: invalid input is only refused, and a filter's meaning survives printing. */
class FilterProperties {

  private static final SnapshotInfo INFO =
      new SnapshotInfo(
          Kind.ACTIVE, "a", "", Map.of("a", "b", "a.b", "a"), Instant.EPOCH, Instant.EPOCH);

  @Property(tries = 5_000)
  void arbitraryInputIsParsedOrRefused(@ForAll String filter) {
    parsesOrRefuses(filter);
  }

  @Property(tries = 20_000)
  void whatLooksLikeAFilterIsParsedOrRefused(@ForAll("almostFilters") String filter) {
    parsesOrRefuses(filter);
  }

  @Property(tries = 20_000)
  void whatLooksLikeARegularExpressionIsParsed(@ForAll("almostExpressions") String expression) {
    Filter filter = Filters.parse("name~=" + quoted(expression));
    assertThat(filter.selectors()).hasSize(1);
    answers(filter);
  }

  @Property(tries = 5_000)
  void aFilterIsParsedToWhatItWasWrittenFrom(@ForAll("selectors") List<Selector> selectors) {
    String written =
        selectors.stream().map(FilterProperties::written).collect(Collectors.joining(","));
    assertThat(Filters.parse(written).selectors()).isEqualTo(selectors);
  }

  private static void parsesOrRefuses(String filter) {
    try {
      answers(Filters.parse(List.of(filter)));
    } catch (SnapshotException.InvalidArgument e) {
      assertThat(e).hasMessageMatching("(?s)filters: parse error: \\[.*]: .+");
    }
  }

  /** The parsed filter is stateless: it gives the same answer twice. */
  private static void answers(Predicate<SnapshotInfo> filter) {
    assertThat(filter.test(INFO)).isEqualTo(filter.test(INFO));
  }

  @Provide
  Arbitrary<String> almostFilters() {
    return Arbitraries.of(
            "name", "kind", "parent", "labels", "a", "b", "0", "_", ".", ",", "==", "!=", "~=", "=",
            "!", "~", "\"", "|", "/", "\\", " ", "\n", "\\x", "\\u", "\\U", "\\0", "41", "4", "ff",
            "0000", "7", "8", "\u0000", "\uFFFD", "\uD800", "牛", "\u2028", "\u0085", "(", ")", "[",
            "]", "{2}", "*", "active")
        .list()
        .ofMaxSize(12)
        .map(pieces -> String.join("", pieces));
  }

  @Provide
  Arbitrary<String> almostExpressions() {
    return Arbitraries.of(
            "a",
            "b",
            "(",
            "(",
            ")",
            ")",
            "[",
            "]",
            "[:alpha:]",
            "[:",
            ":]",
            "^",
            "$",
            "-",
            "|",
            "*",
            "+",
            "?",
            "{2}",
            "{1000}",
            "{2,}",
            "{1,1000}",
            "{",
            "}",
            ",",
            "\\",
            "\\Q",
            "\\E",
            "\\p",
            "\\pL",
            "\\p{Greek}",
            "\\P{",
            "(?i)",
            "(?P<n>",
            "(?<m>",
            "(?:",
            "\\d",
            "\\b",
            "\\x{41}",
            "\\x",
            "\\0",
            "\\1",
            ".",
            "牛",
            "\uD83D\uDE00",
            "\u0000",
            "\n",
            "\uD800")
        .list()
        .ofMaxSize(15)
        .map(pieces -> String.join("", pieces));
  }

  @Provide
  Arbitrary<List<Selector>> selectors() {
    Arbitrary<String> values =
        Arbitraries.oneOf(
            texts().ofMaxLength(12),
            Arbitraries.of("sha256:abc", "k8s.io/12/x y", "", "/x", "|", "\""));
    Arbitrary<Field> fields =
        Arbitraries.oneOf(
            Arbitraries.of(Field.Attribute.class).map(attribute -> attribute),
            texts().ofMaxLength(12).map(Field.Label::new));
    Arbitrary<Selector> selectors =
        Arbitraries.oneOf(
            fields.map(Selector.Present::new),
            Combinators.combine(fields, values).as(Selector.Equal::new),
            Combinators.combine(fields, values).as(Selector.NotEqual::new),
            Combinators.combine(fields, values)
                .as((field, value) -> new Selector.Matches(field, RegularExpression.of(value))));
    return selectors.list().ofMinSize(1).ofMaxSize(6);
  }

  /**
   * Any text without unpaired surrogates and characters that containerd's scanner refuses
   * everywhere.
   */
  private static StringArbitrary texts() {
    return Arbitraries.strings()
        .ascii()
        .withChars("äß牛\u2028\u0085\u3000\uFFFE")
        .excludeChars('\u0000');
  }

  private static String written(Selector selector) {
    String field =
        switch (selector.field()) {
          case Field.Attribute.UNKNOWN -> "size";
          case Field.Attribute attribute -> attribute.name().toLowerCase(Locale.ROOT);
          case Field.Label label -> "labels." + quoted(label.key());
        };
    return switch (selector) {
      case Selector.Present present -> field;
      case Selector.Equal equal -> field + "==" + value(equal.value());
      case Selector.NotEqual notEqual -> field + "!= " + value(notEqual.value());
      case Selector.Matches matches -> field + " ~=" + quoted(matches.expression().source());
    };
  }

  private static String value(String value) {
    return value.matches("[a-z0-9_]+") ? value : quoted(value);
  }

  static String quoted(String value) {
    StringBuilder quoted = new StringBuilder("\"");
    value
        .codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '"' -> quoted.append("\\\"");
                case '\\' -> quoted.append("\\\\");
                case '\n' -> quoted.append("\\n");
                case '\u0007' -> quoted.append("\\a");
                case '\u000B' -> quoted.append("\\013");
                case 0x7F -> quoted.append("\\x7f");
                case 0, 0xD800, 0xFFFE -> quoted.append("\\u%04x".formatted(c));
                case '牛' -> quoted.append("\\U0000725B");
                default -> quoted.appendCodePoint(c);
              }
            });
    return quoted.append('"').toString();
  }
}
