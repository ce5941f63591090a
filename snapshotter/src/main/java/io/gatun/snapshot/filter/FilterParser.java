package io.gatun.snapshot.filter;

import io.gatun.snapshot.SnapshotException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Parses one filter. Errors have containerd's wording, which people and programs know:
 *
 * <pre>  filters: parse error: [before >|c|< after]: reason</pre>
 */
final class FilterParser {

  /**
   * The bytes of the filter quoted in an error on either side. A filter of megabytes would not fit
   * into the headers that carry a status message: the client would see a broken stream instead of
   * the reason.
   */
  static final int QUOTED_BYTES_MAX = 512;

  private final byte[] input;
  private final TokenScanner scanner;

  FilterParser(String filter) {
    this.input = encode(filter);
    this.scanner = new TokenScanner(input);
  }

  Filter parse() {
    List<Selector> selectors = new ArrayList<>();
    selectors.add(parseSelector());
    while (scanner.peek() == ',') {
      scanner.next();
      selectors.add(parseSelector());
    }
    int rest = scanner.peek();
    if (rest != TokenScanner.END) {
      int shown = rest == TokenScanner.ILLEGAL ? TokenScanner.REPLACEMENT : rest;
      throw error(scanner.position(), "unexpected input: " + Character.toString(shown));
    }
    return new Filter(selectors);
  }

  private Selector parseSelector() {
    Field field = parseField();
    int next = scanner.peek();
    if (next == ',' || next == TokenScanner.END) {
      return new Selector.Present(field);
    }
    Token operator = scanner.next();
    return switch (operator.kind()) {
      case OPERATOR ->
          switch (text(operator)) {
            case "==" -> new Selector.Equal(field, parseValue(false));
            case "!=" -> new Selector.NotEqual(field, parseValue(false));
            case "~=" -> new Selector.Matches(field, RegularExpression.of(parseValue(true)));
            default ->
                throw error(operator.start(), "unsupported operator \"" + text(operator) + '"');
          };
      case ILLEGAL -> throw error(operator.start(), scanner.complaint());
      case END, FIELD, VALUE, QUOTED, SEPARATOR, STRAY ->
          throw error(operator.start(), "expected an operator (\"==\"|\"!=\"|\"~=\")");
    };
  }

  private Field parseField() {
    List<String> path = new ArrayList<>();
    path.add(parseFieldElement());
    while (scanner.peek() == '.') {
      scanner.next();
      path.add(parseFieldElement());
    }
    return Field.at(path);
  }

  private String parseFieldElement() {
    Token token = scanner.next();
    return switch (token.kind()) {
      case FIELD -> text(token);
      case QUOTED -> unquote(token, false);
      case ILLEGAL -> throw error(token.start(), scanner.complaint());
      case END, VALUE, SEPARATOR, OPERATOR, STRAY ->
          throw error(token.start(), "expected field or quoted");
    };
  }

  private String parseValue(boolean anyQuotes) {
    Token token = scanner.next();
    return switch (token.kind()) {
      case VALUE, FIELD -> text(token);
      case QUOTED -> unquote(token, anyQuotes);
      case ILLEGAL -> throw error(token.start(), scanner.complaint());
      case END, SEPARATOR, OPERATOR, STRAY ->
          throw error(token.start(), "expected value or quoted");
    };
  }

  private String unquote(Token token, boolean anyQuotes) {
    if (!anyQuotes && input[token.start()] != '"') {
      throw error(token.start(), "invalid quote encountered");
    }
    return QuotedLiteral.unquote(Arrays.copyOfRange(input, token.start(), token.end()))
        .orElseThrow(() -> error(token.start(), "unquoting failed: quote syntax error"));
  }

  private String text(Token token) {
    return text(token.start(), token.end());
  }

  private String text(int from, int to) {
    return new String(input, from, to - from, StandardCharsets.UTF_8);
  }

  private SnapshotException.InvalidArgument error(int position, String reason) {
    int from = startOfQuote(position);
    int to = endOfQuote(position);
    String before = (from > 0 ? "..." : "") + text(from, position);
    String after = to < input.length ? "..." : "";
    String context;
    if (position < input.length) {
      // One byte, like containerd, even if it is the first of a multi-byte character.
      context =
          "%s >|%s|< %s"
              .formatted(before, text(position, position + 1), text(position + 1, to) + after);
    } else {
      context = before;
    }
    return new SnapshotException.InvalidArgument(
        "filters: parse error: [" + context + "]: " + reason);
  }

  private int startOfQuote(int position) {
    int from = Math.max(0, position - QUOTED_BYTES_MAX);
    while (from < position && isContinuation(from)) {
      from++;
    }
    return from;
  }

  private int endOfQuote(int position) {
    int to = Math.min(input.length, position + 1 + QUOTED_BYTES_MAX);
    while (to < input.length && isContinuation(to)) {
      to++;
    }
    return to;
  }

  private boolean isContinuation(int offset) {
    return (input[offset] & 0xC0) == 0x80;
  }

  /** Replaces an unpaired surrogate by the replacement character, at which the scanner stops. */
  private static byte[] encode(String filter) {
    try {
      ByteBuffer encoded =
          StandardCharsets.UTF_8
              .newEncoder()
              .onMalformedInput(CodingErrorAction.REPLACE)
              .replaceWith(
                  Character.toString(TokenScanner.REPLACEMENT).getBytes(StandardCharsets.UTF_8))
              .encode(CharBuffer.wrap(filter));
      byte[] bytes = new byte[encoded.remaining()];
      encoded.get(bytes);
      return bytes;
    } catch (CharacterCodingException e) {
      throw new AssertionError("every character has a UTF-8 form or is replaced", e);
    }
  }
}
