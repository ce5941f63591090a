package io.gatun.snapshot.metadata.journal;

import java.io.IOException;

/**
 * Metadata that cannot be used as it is, with a message for the person who has to do something: the
 * file, the offset, what is wrong there and how to proceed.
 */
public final class MetadataDamagedException extends IOException {

  private static final long serialVersionUID = 1L;

  private final transient Finding finding;

  public MetadataDamagedException(Finding finding) {
    super(message(finding));
    this.finding = finding;
  }

  public MetadataDamagedException(Finding finding, Throwable cause) {
    super(message(finding), cause);
    this.finding = finding;
  }

  private static String message(Finding finding) {
    return finding + "; run `gatun fsck` on this root before it is used again";
  }

  /** {@return what is wrong, and where} */
  public Finding finding() {
    return finding;
  }
}
