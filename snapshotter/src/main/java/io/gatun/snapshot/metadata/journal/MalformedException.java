package io.gatun.snapshot.metadata.journal;

/** Malformed bytes. A caller that knows the file turns it into a {@link Finding}. */
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

  /** {@return the exception for intact bytes that only a later Gatun understands} */
  static MalformedException ofLaterVersion(String sentence) {
    return new MalformedException(sentence, true);
  }

  /** {@return the finding for the file that holds the bytes} */
  Finding finding(String file, long offset) {
    return isLaterVersion
        ? Finding.unknownVersion(file, offset, sentence)
        : Finding.damage(file, offset, sentence);
  }
}
