package io.gatun.snapshot.metadata.journal;

import java.io.IOException;

/**
 * Unusable metadata. The message tells the administrator the file, the offset, the flaw and the
 * remedy.
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
    return finding + "; run `gatun fsck` on this root before using it again";
  }

  public Finding finding() {
    return finding;
  }
}
