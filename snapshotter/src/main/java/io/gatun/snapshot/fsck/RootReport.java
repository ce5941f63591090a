package io.gatun.snapshot.fsck;

import io.gatun.snapshot.metadata.repair.Contents;
import io.gatun.snapshot.metadata.repair.MetadataReport;
import java.util.List;
import java.util.Optional;

/**
 * What a check of a root has come to.
 *
 * @param findings what is not as it should be
 * @param metadata what is known of the metadata; nothing if they are not there, or a later version
 *     of Gatun has written the root
 */
public record RootReport(List<RootFinding> findings, Optional<MetadataReport> metadata) {

  public RootReport {
    findings = List.copyOf(findings);
  }

  /** {@return whether nothing is wrong; there may be notices} */
  public boolean isClean() {
    return findings.stream().allMatch(finding -> finding.severity() == RootFinding.Severity.NOTICE);
  }

  /** {@return whether a later version has written the root or its metadata} */
  boolean isOfLaterVersion() {
    return (metadata.isPresent() && metadata.get().contents().isEmpty())
        || findings.stream()
            .anyMatch(finding -> finding instanceof RootFinding.Format format && format.isLater());
  }

  /** {@return whether something that was acknowledged is missing from the metadata} */
  boolean isLossy() {
    return metadata.flatMap(MetadataReport::contents).filter(Contents::isComplete).isEmpty()
        || findings.stream().anyMatch(RootFinding.UnknownId.class::isInstance);
  }
}
