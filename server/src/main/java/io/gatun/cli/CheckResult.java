package io.gatun.cli;

/**
 * One thing that the doctor looked at.
 *
 * @param severity how bad it is
 * @param subject what was looked at, in a word or two
 * @param text what was found and, if it is bad, what to do about it
 */
record CheckResult(Severity severity, String subject, String text) {

  enum Severity {
    OK("ok"),
    /** Something works less well than it could. */
    NOTE("note"),
    /** The daemon, or containers on it, will not work. */
    FAULT("FAULT");

    private final String word;

    Severity(String word) {
      this.word = word;
    }

    String word() {
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
