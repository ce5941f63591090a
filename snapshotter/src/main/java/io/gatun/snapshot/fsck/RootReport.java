package io.gatun.snapshot.fsck;

import io.gatun.snapshot.metadata.repair.Contents;
import io.gatun.snapshot.metadata.repair.MetadataReport;
import java.util.List;
import java.util.Optional;

/**
 * The result of a check of a root.
 *
 * @param findings all differences from the expected state
 * @param metadata the metadata; empty if it is missing or a later version of Gatun wrote the root
 */
public record RootReport(List<RootFinding> findings, Optional<MetadataReport> metadata) {

  public RootReport {
    findings = List.copyOf(findings);
  }

  /** {@return whether there are no findings but notices} */
  public boolean isClean() {
    return findings.stream().allMatch(finding -> finding.severity() == RootFinding.Severity.NOTICE);
  }

  boolean isOfLaterVersion() {
    return (metadata.isPresent() && metadata.get().contents().isEmpty())
        || findings.stream()
            .anyMatch(finding -> finding instanceof RootFinding.Format format && format.isLater());
  }

  boolean isLossy() {
    return metadata.flatMap(MetadataReport::contents).filter(Contents::isComplete).isEmpty()
        || findings.stream().anyMatch(RootFinding.UnknownId.class::isInstance);
  }
}
