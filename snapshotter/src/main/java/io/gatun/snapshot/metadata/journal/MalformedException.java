package io.gatun.snapshot.metadata.journal;

/** Bytes that are not what they should be; who knows the file makes a {@link Finding} of it. */
public final class MalformedException extends Exception {

  private static final long serialVersionUID = 1L;

  private final String sentence;
  private final boolean isLaterVersion;

  public MalformedException(String sentence) {
    super(sentence);
    this.sentence = sentence;
    this.isLaterVersion = false;
  }

  public MalformedException(String sentence, Throwable cause) {
    super(sentence, cause);
    this.sentence = sentence;
    this.isLaterVersion = false;
  }

  private MalformedException(String sentence, boolean isLaterVersion) {
    super(sentence);
    this.sentence = sentence;
    this.isLaterVersion = isLaterVersion;
  }

  /** {@return what is said of bytes that are whole, and mean something to a later Gatun only} */
  static MalformedException ofLaterVersion(String sentence) {
    return new MalformedException(sentence, true);
  }

  /** {@return what this means for the file that the bytes are from} */
  Finding finding(String file, long offset) {
    return isLaterVersion
        ? Finding.unknownVersion(file, offset, sentence)
        : Finding.damage(file, offset, sentence);
  }
}
