package io.gatun.snapshot;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * Identifies content: {@code sha256:} and 64 lower-case hexadecimal digits (OCI image
 * specification, descriptor.md). Layers use no other algorithm.
 *
 * @param text the whole digest
 */
public record Digest(String text) implements Comparable<Digest> {

  private static final String ALGORITHM = "sha256:";
  private static final Pattern FORM = Pattern.compile(ALGORITHM + "[0-9a-f]{64}");

  /**
   * @throws IllegalArgumentException for another algorithm or form
   */
  public Digest {
    if (!FORM.matcher(text).matches()) {
      throw new IllegalArgumentException("not a sha256 digest: " + text);
    }
  }

  /** {@return the digest of the hashed content} Resets the hash. */
  public static Digest of(MessageDigest sha256) {
    return new Digest(ALGORITHM + HexFormat.of().formatHex(sha256.digest()));
  }

  /**
   * {@return the digest with these digits}
   *
   * @throws IllegalArgumentException if they are malformed
   */
  public static Digest ofHex(String hex) {
    return new Digest(ALGORITHM + hex);
  }

  /** {@return a new hash} */
  public static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  /** {@return the digits alone, the file name in containerd's content store} */
  public String hex() {
    return text.substring(ALGORITHM.length());
  }

  @Override
  public int compareTo(Digest other) {
    return text.compareTo(other.text);
  }

  @Override
  public String toString() {
    return text;
  }
}
