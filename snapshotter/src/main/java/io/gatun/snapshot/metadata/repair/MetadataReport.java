package io.gatun.snapshot.metadata.repair;

import io.gatun.snapshot.metadata.journal.Finding;
import java.util.List;
import java.util.Optional;

/**
 * The result of a metadata check.
 *
 * @param contents the content of the store or, if it is damaged, the part that a repair would keep;
 *     empty if a later version of Gatun wrote it
 */
public record MetadataReport(List<Finding> findings, Optional<Contents> contents) {

  public MetadataReport {
    findings = List.copyOf(findings);
  }

  /** {@return whether the store cannot be opened} */
  public boolean isDamaged() {
    return findings.stream().anyMatch(Finding::isFatal);
  }
}
