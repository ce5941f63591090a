package io.gatun.snapshot.metadata.repair;

import io.gatun.snapshot.metadata.journal.Finding;
import java.util.List;
import java.util.Optional;

/**
 * What a check of metadata has come to.
 *
 * @param findings what is not as it should be
 * @param contents what the store holds or, if it is damaged, what a repair would keep of it;
 *     nothing if a later version of Gatun has written it
 */
public record MetadataReport(List<Finding> findings, Optional<Contents> contents) {

  public MetadataReport {
    findings = List.copyOf(findings);
  }

  /** {@return whether the store cannot be opened as it is} */
  public boolean isDamaged() {
    return findings.stream().anyMatch(Finding::isFatal);
  }
}
