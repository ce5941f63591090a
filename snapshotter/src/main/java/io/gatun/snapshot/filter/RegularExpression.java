package io.gatun.snapshot.filter;

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A regular expression with Go's syntax and meaning, which are RE2's: it matches anywhere in a
 * value, and in time linear in the value's length.
 *
 * @param source as it stands in the filter
 * @param pattern null if it does not compile or costs too much, and then it matches nothing
 */
record RegularExpression(String source, @Nullable Pattern pattern) {

  private static final Logger log = LoggerFactory.getLogger(RegularExpression.class);

  private static final int LOGGED_LENGTH_MAX = 200;

  /** What has case ignored, as the grammar of RE2 writes it. */
  private static final java.util.regex.Pattern FOLDING =
      java.util.regex.Pattern.compile("\\(\\?[imsU-]*i");

  /**
   * Characters, or their numbers, whose other cases RE2/J 1.8 looks for by following the JDK's
   * tables until they lead back to the first one. For some that the JDK has and it has not, they
   * never do, and it would not come to an end.
   */
  private static final java.util.regex.Pattern OUTSIDE_ASCII =
      java.util.regex.Pattern.compile("[^\\x00-\\x7f]|\\\\[x0-7]");

  /** Compiles an expression. One that cannot be used is logged and no error, as in containerd. */
  static RegularExpression of(String source) {
    if (source.contains(QuotedLiteral.NO_TEXT)) {
      return unusable(source, "invalid UTF-8");
    }
    if (ignoresCaseOutsideAscii(source)) {
      return unusable(source, "case is only ignored among ASCII characters");
    }
    try {
      return new RegularExpression(source, Pattern.compile(RegexReader.read(source)));
    } catch (PatternSyntaxException e) {
      return unusable(source, e.getDescription());
    }
  }

  /** {@return whether an expression may ask for what {@link #OUTSIDE_ASCII} tells of} */
  static boolean ignoresCaseOutsideAscii(String source) {
    return FOLDING.matcher(source).find() && OUTSIDE_ASCII.matcher(source).find();
  }

  boolean matches(String value) {
    return pattern != null && pattern.matcher(value).find();
  }

  private static RegularExpression unusable(String source, String reason) {
    log.warn(
        "filter matches nothing: operator=~= error=\"{}\" expression=\"{}\"",
        reason,
        printable(source));
    return new RegularExpression(source, null);
  }

  /** A filter comes from outside and must not be able to forge a line of the log. */
  private static String printable(String source) {
    StringBuilder printable = new StringBuilder();
    source
        .codePoints()
        .limit(LOGGED_LENGTH_MAX)
        .forEach(
            c ->
                printable.append(
                    Character.isISOControl(c)
                            || c == '"'
                            || c == '\\'
                            || Character.getType(c) == Character.SURROGATE
                        ? "\\x%02x".formatted(c)
                        : Character.toString(c)));
    return printable.toString();
  }
}
