package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/**
 * Goal: the comparison with the model can fail, for every rule there is. Method: snapshotters that
 * are wrong in one way each are found out, and one that is right is not.
 */
class ComparisonProperties {

  private static final int SEQUENCE_LENGTH = 300;
  private static final int SEQUENCES_MAX = 100;

  @Provide
  Arbitrary<List<Operation>> sequences() {
    return Operations.anyWithRestarts().list().ofSize(SEQUENCE_LENGTH);
  }

  @Property(tries = 50)
  void aFaultlessSnapshotterPasses(@ForAll("sequences") List<Operation> sequence) {
    run(Flaw.NONE, sequence);
  }

  @Example
  void everyFlawIsFoundOut() {
    Arbitrary<List<Operation>> sequences = sequences();
    for (Flaw flaw : Flaw.values()) {
      if (flaw != Flaw.NONE) {
        assertThatThrownBy(
                () -> {
                  for (int i = 0; i < SEQUENCES_MAX; i++) {
                    run(flaw, sequences.sample());
                  }
                })
            .as("found out within %d sequences: %s", SEQUENCES_MAX, flaw)
            .isInstanceOf(AssertionError.class)
            .hasMessageStartingWith("step ");
      }
    }
  }

  /** If a kind of outcome becomes rare, the properties look at less than they seem to. */
  @Example
  void everyOutcomeComesUpOften() {
    Map<String, Integer> outcomes = new TreeMap<>();
    for (int i = 0; i < SEQUENCES_MAX; i++) {
      Comparison comparison = new Comparison(new FlawedSubject(Flaw.NONE));
      comparison.run(sequences().sample());
      comparison
          .outcomes()
          .forEach((outcome, count) -> outcomes.merge(outcome, count, Integer::sum));
    }
    System.out.println(
        "outcomes of " + SEQUENCE_LENGTH * SEQUENCES_MAX + " operations: " + outcomes);
    assertThat(
            List.of(
                "Prepare answer",
                "Prepare NotFound",
                "Prepare InvalidArgument",
                "Prepare AlreadyExists",
                "View answer",
                "View NotFound",
                "View InvalidArgument",
                "View AlreadyExists",
                "Mounts answer",
                "Mounts NotFound",
                "Mounts FailedPrecondition",
                "Commit answer",
                "Commit NotFound",
                "Commit AlreadyExists",
                "Commit InvalidArgument",
                "Commit FailedPrecondition",
                "Remove answer",
                "Remove NotFound",
                "Remove FailedPrecondition",
                "Stat answer",
                "Stat NotFound",
                "Update answer",
                "Update NotFound",
                "Update InvalidArgument",
                "ListAll answer",
                "ListAll InvalidArgument",
                "UsageOf answer",
                "UsageOf NotFound",
                "Cleanup answer"))
        .allSatisfy(outcome -> assertThat(outcomes.getOrDefault(outcome, 0)).isGreaterThan(30));
  }

  private static void run(Flaw flaw, List<Operation> sequence) {
    try (Subject subject = new FlawedSubject(flaw)) {
      new Comparison(subject).run(sequence);
    }
  }
}
