package io.gatun.snapshot.filter;

/**
 * A token of a filter.
 *
 * @param start offset of its first byte, to which errors about it point
 * @param end offset after its last byte
 */
record Token(Kind kind, int start, int end) {

  enum Kind {
    END,
    FIELD,
    VALUE,
    QUOTED,
    SEPARATOR,
    OPERATOR,
    /** Illegal in any filter; the scanner has the reason. */
    ILLEGAL,
    /** A character that cannot begin a token at its position. */
    STRAY
  }
}
