package io.gatun.cli.doctor;

/**
 * One result of {@code gatun doctor}.
 *
 * @param severity the severity
 * @param subject the checked subject, in a word or two
 * @param text the finding and, unless it is fine, the remedy
 */
public record CheckResult(Severity severity, String subject, String text) {

  public enum Severity {
    OK("ok"),
    /** Something works less well than it could. */
    NOTE("note"),
    /** The daemon, or containers on it, will not work. */
    FAULT("FAULT");

    private final String word;

    Severity(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }
  }

  static CheckResult ok(String subject, String text) {
    return new CheckResult(Severity.OK, subject, text);
  }

  static CheckResult note(String subject, String text) {
    return new CheckResult(Severity.NOTE, subject, text);
  }

  static CheckResult fault(String subject, String text) {
    return new CheckResult(Severity.FAULT, subject, text);
  }
}
