package io.gatun.snapshot.filter;

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A regular expression with Go's (RE2's) syntax and semantics: it matches anywhere in a value, in
 * time linear in the value's length.
 *
 * @param source the expression in the filter
 * @param pattern null if it does not compile or is too expensive; it then matches nothing
 */
record RegularExpression(String source, @Nullable Pattern pattern) {

  private static final Logger log = LoggerFactory.getLogger(RegularExpression.class);

  private static final int LOGGED_LENGTH_MAX = 200;

  /** The flag for ignoring case, in RE2's grammar. */
  private static final java.util.regex.Pattern FOLDING =
      java.util.regex.Pattern.compile("\\(\\?[imsU-]*i");

  /**
   * Non-ASCII characters, literal or escaped. RE2/J 1.8 finds their other cases by following the
   * JDK's case tables until it returns to the first character. For some characters that are newer
   * than its own tables, it never does, and loops for ever.
   */
  private static final java.util.regex.Pattern OUTSIDE_ASCII =
      java.util.regex.Pattern.compile("[^\\x00-\\x7f]|\\\\[x0-7]");

  /** Compiles an expression. As in containerd, one that is unusable is logged and not an error. */
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

  /** {@return whether an expression may combine ignoring case with {@link #OUTSIDE_ASCII}} */
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

  /** Escapes characters that could forge a line of the log: filters are untrusted. */
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
