package io.gatun.snapshot.filter;

import com.google.re2j.PatternSyntaxException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Checks and rewrites a regular expression for RE2/J.
 *
 * <p>RE2/J matches in linear time, but compiles {@code ((a{1000}){1000}){1000}} to a thousand
 * million copies of the letter, and parses parentheses recursively. Go refuses both. This class
 * estimates the size of the compiled program and refuses earlier than Go does; no useful filter
 * comes near the limit. It also rewrites two constructs that Go accepts and RE2/J 1.8 does not: it
 * escapes a literal brace followed by a repetition, and removes the names of groups, which may be
 * duplicates and are not used by filters.
 *
 * <p>It follows RE2's grammar as far as needed to find groups, classes and counted repetitions.
 * Other syntax errors are left to the compiler.
 */
final class RegexReader {

  /** In instructions, about a hundred bytes each. */
  static final long SIZE_MAX = 20_000;

  /**
   * The limit of nested parentheses. Go limits the height of the syntax tree to 1000; each
   * parenthesis adds one to three levels.
   */
  static final int DEPTH_MAX = 250;

  /** The limit of the product of nested repetitions, the same as Go's. */
  static final long REPEAT_MAX = 1000;

  /** The size of a Unicode class such as {@code \pL}: a table of some hundred ranges. */
  private static final long UNICODE_CLASS_SIZE = 100;

  private static final char ASCII_MAX = 0x7f;

  /** A repetition. With leading zeros, the brace is literal. */
  private static final Pattern REPETITION =
      Pattern.compile("(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\\}");

  /** The number of digits of {@link #REPEAT_MAX}. */
  private static final int REPEAT_DIGITS_MAX = 4;

  /** The name of a group, after its parenthesis. */
  private static final Pattern NAME = Pattern.compile("\\?P?<[A-Za-z0-9_]+>");

  private final String source;
  private int at;

  /** The enclosing groups, innermost first, as far as they have been read. */
  private final Deque<Group> open = new ArrayDeque<>();

  private Group group = new Group();

  /** The rewritten expression up to {@link #copied}. */
  private final StringBuilder output = new StringBuilder();

  private int copied;

  private RegexReader(String source) {
    this.source = source;
  }

  /**
   * {@return the expression rewritten for RE2/J}
   *
   * @throws PatternSyntaxException if it is too large, or RE2/J would accept it and Go does not
   */
  static String read(String source) {
    RegexReader reader = new RegexReader(source);
    if (source.length() > SIZE_MAX || !reader.isWithinLimits()) {
      throw new PatternSyntaxException("expression too large");
    }
    return reader.output();
  }

  /**
   * A group as far as it has been read: its size, and its last atom, to which a repetition applies.
   */
  private static final class Group {
    long size;
    long repeat = 1;
    long atomSize;
    long atomRepeat = 1;

    void add(long newAtomSize, long newAtomRepeat) {
      size += newAtomSize;
      repeat = Math.max(repeat, newAtomRepeat);
      atomSize = newAtomSize;
      atomRepeat = newAtomRepeat;
    }

    void repeatAtom(int count) {
      size += atomSize * (count - 1L) + count;
      atomSize = atomSize * count + count;
      atomRepeat *= count;
      repeat = Math.max(repeat, atomRepeat);
    }
  }

  private boolean isWithinLimits() {
    while (at < source.length()) {
      char c = source.charAt(at++);
      switch (c) {
        case '(' -> {
          open.push(group);
          group = new Group();
          leaveOutName();
        }
        case ')' -> {
          if (!open.isEmpty()) {
            Group closed = group;
            group = open.pop();
            group.add(closed.size + 2, closed.repeat);
          }
        }
        case '[' -> group.add(readClass(), 1);
        case '\\' -> readEscape();
        case '{' -> readRepetition();
        default -> group.add(1, 1);
      }
      if (open.size() > DEPTH_MAX || group.size > SIZE_MAX || group.repeat > REPEAT_MAX) {
        return false;
      }
    }
    return open.stream().mapToLong(outer -> outer.size).sum() + group.size <= SIZE_MAX;
  }

  private void leaveOutName() {
    Matcher name = NAME.matcher(source).region(at, source.length());
    if (name.lookingAt()) {
      output.append(source, copied, at).append("?:");
      at = name.end();
      copied = at;
    }
  }

  private void readEscape() {
    char c = readEscaped();
    if (c == 'Q') {
      int end = source.indexOf("\\E", at);
      String literal = end < 0 ? source.substring(at) : source.substring(at, end);
      literal.chars().forEach(character -> group.add(1, 1));
      at = end < 0 ? source.length() : end + 2;
    } else if (c == 'p' || c == 'P') {
      skipBraces();
      group.add(UNICODE_CLASS_SIZE, 1);
    } else {
      if (c == 'x' && at < source.length() && source.charAt(at) == '{') {
        skipBraces();
      }
      group.add(1, 1);
    }
  }

  /** Go rejects a backslash before a non-ASCII character; RE2/J ignores it. */
  private char readEscaped() {
    char c = at < source.length() ? source.charAt(at++) : '\\';
    if (c > ASCII_MAX) {
      throw new PatternSyntaxException("invalid escape sequence", "\\" + c);
    }
    return c;
  }

  /** Skips the letter or the braced name after {@code \p}; these braces are not a repetition. */
  private void skipBraces() {
    int end = at < source.length() && source.charAt(at) == '{' ? source.indexOf('}', at) : at;
    at = Math.min(source.length(), end < 0 ? source.length() : end + 1);
  }

  /** Reads to the end of a class and returns its size. */
  private long readClass() {
    long size = 1;
    if (at < source.length() && source.charAt(at) == '^') {
      at++;
    }
    boolean first = true;
    while (at < source.length() && (first || source.charAt(at) != ']')) {
      first = false;
      char c = source.charAt(at++);
      if (c == '\\' && at < source.length()) {
        char escaped = readEscaped();
        size += escaped == 'p' || escaped == 'P' ? UNICODE_CLASS_SIZE : 1;
      } else if (c == '[' && at < source.length() && source.charAt(at) == ':') {
        int end = source.indexOf(":]", at + 1);
        if (end >= 0) {
          at = end + 2;
        }
        size++;
      } else {
        size++;
      }
    }
    at++;
    return size;
  }

  /** Reads a repetition, or escapes a literal brace. */
  private void readRepetition() {
    Matcher repetition = REPETITION.matcher(source).region(at, source.length());
    if (!repetition.lookingAt()) {
      output.append(source, copied, at - 1).append('\\');
      copied = at - 1;
      group.add(1, 1);
      return;
    }
    at = repetition.end();
    String most = repetition.group(3) == null ? repetition.group(1) : repetition.group(3);
    if (most.length() > REPEAT_DIGITS_MAX || repetition.group(1).length() > REPEAT_DIGITS_MAX) {
      throw new PatternSyntaxException("invalid repeat count", "{" + repetition.group());
    }
    group.repeatAtom(Math.max(1, Integer.parseInt(most)));
  }

  private String output() {
    return output.append(source, copied, source.length()).toString();
  }
}
