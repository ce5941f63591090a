package io.gatun.snapshot.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: the cost of every expression is bounded. Method: known expensive expressions, and
 * expressions at the limits.
 */
class RegularExpressionTest {

  private static final Duration SOON = Duration.ofSeconds(20);

  private static boolean isUsable(String expression) {
    return RegularExpression.of(expression).pattern() != null;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "((a{1000}){1000}){1000}",
        "(((((((((a{2}){2}){2}){2}){2}){2}){2}){2}){2}){2}",
        "(a{2}){501}",
        "(?:a{2,}){501,}",
        "(?P<n>[a-z]{10}[]}{]{10,101}){10}",
        "(\\Q(\\Ea{1000}){2}",
        "([[:alpha:]]{1000}){2}",
        "([^]]{1000}){2}",
        "(\\pL{150}){2}",
        "a{1001}",
        "a**",
        "(",
        ")",
        "[",
        "a{2}{3}",
        "a{9876543210}",
        "a{1000,10000}",
        "a{12345,67890}",
        "\\C",
        "\\Z",
        "(?<=a)",
        "(?P<>a)",
        "(?P<a-b>a)",
        "(?P<n",
        "(?P<n>",
        "(?P<n>?)",
        "\\😀",
        "[\\😀]",
        "\\é"
      })
  void refusesWhatGoRefusesOrWhatIsTooLarge(String expression) {
    assertTimeout(SOON, () -> assertThat(isUsable(expression)).isFalse());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a{1000}",
        "(a{2}){500}",
        "((a{10}){10}){10}",
        "(a{1}){1000}",
        "a{0}",
        "{",
        "a{",
        "a{,2}",
        "a{01}",
        "a{1,02}",
        "a{00000000001}",
        "{*",
        "a|{?",
        "{{0}(?U)|\\B",
        "\\x{725b}+",
        "\\x{41}{1000}",
        "a{1,2,3}",
        "\\Q((((\\E",
        "\\Qabc",
        "\\Q\\😀\\E",
        "[]]",
        "[^]]",
        "[[:alpha:]]+",
        "(?i)sha256:[0-9a-f]{64}",
        "\\p{Greek}{10}",
        "(?P<name>a)(?<other>b)",
        "(?P<n>a)(?<n>b)(?P<n>|)",
        "^k8s\\.io/[0-9]+/extract-.* sha256:[0-9a-f]{64}$"
      })
  void compilesWhatGoCompiles(String expression) {
    assertThat(isUsable(expression)).isTrue();
  }

  @Test
  void compilesTheDeepestNestingOnASmallStack() throws InterruptedException {
    String deepest =
        "(?:(?:".repeat(RegexReader.DEPTH_MAX / 2)
            + "a"
            + ")b|c)*".repeat(RegexReader.DEPTH_MAX / 2);
    String tooDeep = "(" + deepest + ")";
    List<Boolean> outcomes = Collections.synchronizedList(new ArrayList<>());
    Thread thread =
        new Thread(
            null,
            () -> {
              outcomes.add(isUsable(deepest));
              outcomes.add(isUsable(tooDeep));
            },
            "small stack",
            256 << 10);
    thread.start();
    thread.join();
    assertThat(outcomes).containsExactly(true, false);
  }

  @Test
  void compilesAlternativesThatFactorDeeplyOnASmallStack() throws InterruptedException {
    StringBuilder staircase = new StringBuilder("a");
    String step = "a";
    while (staircase.length() + step.length() < RegexReader.SIZE_MAX - 200) {
      step += "b";
      staircase.append('|').append(step);
    }
    List<Boolean> outcomes = Collections.synchronizedList(new ArrayList<>());
    Thread thread =
        new Thread(
            null, () -> outcomes.add(isUsable(staircase.toString())), "small stack", 256 << 10);
    thread.start();
    thread.join();
    assertThat(outcomes).containsExactly(true);
  }

  @Test
  void matchesInLinearTime() {
    RegularExpression catastrophe = RegularExpression.of("^(a|aa|a*)*$");
    assertTimeout(SOON, () -> assertThat(catastrophe.matches("a".repeat(32_767) + "b")).isFalse());
  }

  @Test
  void refusesLongRunsOfBracesSoon() {
    assertTimeout(
        SOON,
        () -> {
          for (String unit : List.of("{", "[[:", "{1", "\\Q")) {
            RegularExpression.of(unit.repeat((int) RegexReader.SIZE_MAX / unit.length()) + "}");
          }
        });
  }

  @Test
  @Timeout(10)
  void caseIsOnlyIgnoredWhereTheCompilerComesToAnEnd() {
    assertThat(RegularExpression.of("(?i)[A-C]+$").matches("xabc")).isTrue();
    assertThat(RegularExpression.of("[A-\u725B]").matches("\u00C4")).isTrue();
    assertThat(RegularExpression.of("(?i)[A-\u725B]").pattern()).isNull();
    assertThat(RegularExpression.of("(?si)[A-\\x{FFFF}]").pattern()).isNull();
  }
}
