package io.gatun.snapshot.filter;

import com.google.re2j.PatternSyntaxException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads a regular expression before RE2/J gets it.
 *
 * <p>RE2/J matches in linear time, but compiles {@code ((a{1000}){1000}){1000}} by writing the
 * letter down a thousand million times, and descends into parentheses by recursion. Go refuses
 * both. So this estimates the size of the compiled program, and refuses earlier than Go does; no
 * expression that tells snapshots apart comes near. And there are two things that Go accepts and
 * RE2/J 1.8 does not: a repetition after a brace that stands for itself, so the brace is escaped;
 * and groups of the same name, so they lose their names, of which a filter makes no use.
 *
 * <p>It reads the source as RE2's grammar does, as far as it has to know what is a group, a class
 * and a counted repetition. It accepts what is malformed otherwise; that is for the compiler to
 * find.
 */
final class RegexReader {

  /** In instructions, about a hundred bytes each. */
  static final long SIZE_MAX = 20_000;

  /**
   * Nested parentheses. Go allows a tree a thousand high; each of these is one to three of its
   * levels.
   */
  static final int DEPTH_MAX = 250;

  /** What repetitions within repetitions may multiply to, which is Go's number. */
  static final long REPEAT_MAX = 1000;

  /** A Unicode class such as {@code \pL} is a table of some hundred ranges. */
  private static final long UNICODE_CLASS_SIZE = 100;

  private static final char ASCII_MAX = 0x7f;

  /** How often, without leading zeros, with which a brace stands for itself. */
  private static final Pattern REPETITION =
      Pattern.compile("(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\\}");

  /** Of {@link #REPEAT_MAX}. */
  private static final int REPEAT_DIGITS_MAX = 4;

  /** What follows the parenthesis of a group that has a name. */
  private static final Pattern NAME = Pattern.compile("\\?P?<[A-Za-z0-9_]+>");

  private final String source;
  private int at;

  /** The groups that are open, innermost first, each as far as it has been read. */
  private final Deque<Group> open = new ArrayDeque<>();

  private Group group = new Group();

  /**
   * What RE2/J is to be given, as far as it differs from the source, which is so up to {@link
   * #copied}.
   */
  private final StringBuilder output = new StringBuilder();

  private int copied;

  private RegexReader(String source) {
    this.source = source;
  }

  /**
   * {@return the expression in the form in which RE2/J understands it}
   *
   * @throws PatternSyntaxException if it is too large, or RE2/J would accept what Go does not
   */
  static String read(String source) {
    RegexReader reader = new RegexReader(source);
    if (source.length() > SIZE_MAX || !reader.isWithinLimits()) {
      throw new PatternSyntaxException("expression too large");
    }
    return reader.output();
  }

  /** What has been read of a group: its size, and its last atom, to which a repetition applies. */
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

  /** A backslash before what is not ASCII is an error for Go, while RE2/J ignores the backslash. */
  private char readEscaped() {
    char c = at < source.length() ? source.charAt(at++) : '\\';
    if (c > ASCII_MAX) {
      throw new PatternSyntaxException("invalid escape sequence", "\\" + c);
    }
    return c;
  }

  /** What follows {@code \p} is one letter, or a name in braces; these braces are no repetition. */
  private void skipBraces() {
    int end = at < source.length() && source.charAt(at) == '{' ? source.indexOf('}', at) : at;
    at = Math.min(source.length(), end < 0 ? source.length() : end + 1);
  }

  /** Reads up to the end of a class and answers with its size. */
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

  /** A brace that begins no repetition stands for itself. */
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
