package io.gatun.snapshot.filter;

/**
 * A piece of a filter.
 *
 * @param kind what it is
 * @param start offset of its first byte, which is where an error about it points to
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
    /** Something that can be in no filter; the scanner has the reason. */
    ILLEGAL,
    /** A character that can begin no token where it stands. */
    STRAY
  }
}
