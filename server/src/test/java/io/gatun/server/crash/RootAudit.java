package io.gatun.server.crash;

import io.gatun.server.crash.Violation.Promise;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.fsck.RootFinding;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The findings of {@code gatun fsck} in a root that no daemon uses. */
final class RootAudit {

  private RootAudit() {}

  /** {@return the findings that a crash must not leave; none if the root does not exist yet} */
  static List<Violation> of(Path root) throws IOException {
    if (isNothing(root)) {
      return List.of();
    }
    try {
      return RootCheck.of(root).findings().stream()
          .filter(finding -> finding.severity() != RootFinding.Severity.NOTICE)
          .map(finding -> violation("%s: %s".formatted(finding.place(), finding.sentence())))
          .toList();
    } catch (UnusableRootException e) {
      return List.of(violation(String.valueOf(e.getMessage())));
    }
  }

  private static boolean isNothing(Path root) throws IOException {
    if (!Files.exists(root)) {
      return true;
    }
    try (Stream<Path> names = Files.list(root)) {
      return names.findAny().isEmpty();
    }
  }

  private static Violation violation(String sentence) {
    return new Violation(Promise.CHECK_IS_CLEAN, "gatun fsck: " + sentence);
  }
}
