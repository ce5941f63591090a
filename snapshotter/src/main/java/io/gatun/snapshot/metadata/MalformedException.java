package io.gatun.snapshot.metadata;

/** Bytes that are not what they should be; who knows the file makes a {@link Finding} of it. */
final class MalformedException extends Exception {

  private static final long serialVersionUID = 1L;

  private final String sentence;

  MalformedException(String sentence) {
    super(sentence);
    this.sentence = sentence;
  }

  MalformedException(String sentence, Throwable cause) {
    super(sentence, cause);
    this.sentence = sentence;
  }

  /** {@return what is wrong} */
  String sentence() {
    return sentence;
  }
}
