package io.gatun.snapshot.metadata.journal;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.Records;
import io.gatun.snapshot.metadata.repair.Contents;
import io.gatun.snapshot.metadata.repair.MetadataCheck;
import io.gatun.snapshot.metadata.repair.MetadataRepair;
import io.gatun.snapshot.metadata.repair.MetadataReport;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.lifecycle.AfterContainer;

/** The store's handling of files that are not as it left them. */
final class BadInputProperties {

  private enum Outcome {
    EXACT,
    REFUSED,
    NOTHING_LOST,
    SOMETHING_LOST
  }

  private static final String MESSAGE =
      "(?s)metadata/[a-z0-9.-]+ at offset [0-9]+: .+ run `gatun fsck` .*";

  private static final Map<Outcome, Integer> OUTCOMES = new EnumMap<>(Outcome.class);

  private static final Path DIRECTORY = createDirectory();

  private static Path createDirectory() {
    try {
      return Files.createTempDirectory("gatun-metadata-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @AfterContainer
  static void deleteDirectory() {
    LoopFilesystem.run(List.of("rm", "-rf", "--", DIRECTORY.toString()));
    System.out.println("outcomes: " + OUTCOMES);
    assertThat(OUTCOMES).containsOnlyKeys(Outcome.values());
  }

  @Provide
  Arbitrary<Damages.Case> cases() {
    return Damages.all();
  }

  @Property(tries = 500, shrinking = ShrinkingMode.BOUNDED)
  void theStoreHasExactlyWhatWasAcknowledgedOrIsRefused(@ForAll("cases") Damages.Case damaged)
      throws IOException {
    Scenario.Left left = damaged.scenario().left();
    damaged.damage().of(left.image()).writeTo(DIRECTORY);
    MetadataReport report = MetadataCheck.of(DIRECTORY);
    assertThat(MetadataImage.of(DIRECTORY).isSame(damaged.damage().of(left.image()))).isTrue();
    Outcome outcome = open(left);
    switch (outcome) {
      case EXACT -> assertThat(report.contents()).map(Contents::losses).hasValue(List.of());
      case REFUSED -> {
        assertThat(report.isDamaged()).isTrue();
        outcome = repair(left, report);
      }
      case NOTHING_LOST, SOMETHING_LOST -> throw new AssertionError();
    }
    OUTCOMES.merge(outcome, 1, Integer::sum);
  }

  /** A repaired store opens, is clean, and contains nothing that never existed. */
  private Outcome repair(Scenario.Left left, MetadataReport report) throws IOException {
    if (report.contents().isEmpty()) {
      assertThat(report.findings())
          .extracting(Finding::severity)
          .contains(Finding.Severity.UNKNOWN_VERSION);
      return Outcome.REFUSED;
    }
    List<String> losses = report.contents().get().losses();
    MetadataRepair.run(new UnsyncedDisk(), DIRECTORY, Scenario.SETTINGS, report, Ids.FIRST, false);
    try (MetadataStore store =
        MetadataStore.open(new UnsyncedDisk(), DIRECTORY, Scenario.SETTINGS)) {
      assertThat(left.known()).containsAll(Records.all(store));
      if (losses.isEmpty()) {
        assertThat(Records.all(store)).isEqualTo(left.acknowledged());
      }
      assertThat(store.nextId()).isGreaterThan(left.lastId());
    }
    assertThat(MetadataCheck.of(DIRECTORY).findings())
        .allMatch(finding -> finding.severity() == Finding.Severity.FOREIGN);
    return losses.isEmpty() ? Outcome.NOTHING_LOST : Outcome.SOMETHING_LOST;
  }

  private Outcome open(Scenario.Left left) throws IOException {
    try (MetadataStore store =
        MetadataStore.open(new UnsyncedDisk(), DIRECTORY, Scenario.SETTINGS)) {
      assertThat(Records.all(store)).isEqualTo(left.acknowledged());
      for (SnapshotRecord record : left.acknowledged()) {
        assertThat(store.find(record.name())).contains(record);
      }
      assertThat(store.nextId()).isGreaterThan(left.lastId());
      return Outcome.EXACT;
    } catch (MetadataDamagedException e) {
      assertThat(e).hasMessageMatching(MESSAGE);
      return Outcome.REFUSED;
    }
  }
}
