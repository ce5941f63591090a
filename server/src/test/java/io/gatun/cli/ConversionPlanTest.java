package io.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.proto.conversion.EstimateResponse;
import io.gatun.server.config.StartException;
import io.gatun.server.content.LayerLabels.Blob;
import io.gatun.snapshot.ChainId;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotInfo;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is to be converted, by the names of snapshots and the labels of blobs. */
final class ConversionPlanTest {

  private static final Digest FIRST = Digest.ofHex("1".repeat(64));
  private static final Digest SECOND = Digest.ofHex("2".repeat(64));
  private static final Blob FIRST_BLOB = new Blob(Digest.ofHex("a".repeat(64)), 10);
  private static final Blob SECOND_BLOB = new Blob(Digest.ofHex("b".repeat(64)), 20);
  private static final Map<Digest, Blob> BLOBS = Map.of(FIRST, FIRST_BLOB, SECOND, SECOND_BLOB);
  private static final Digest CHAIN = ChainId.of(Optional.of(FIRST), SECOND);

  private final Set<String> indexed = new HashSet<>();
  private final Set<String> empty = new HashSet<>();
  private final Map<String, List<String>> users = new HashMap<>();
  private final List<Optional<Digest>> asked = new ArrayList<>();
  private long availableBytes = 1_000;

  private static String name(int number, Digest chainId) {
    return "k8s.io/%d/%s".formatted(number, chainId);
  }

  private static SnapshotInfo snapshot(String name, String parent) {
    return new SnapshotInfo(Kind.COMMITTED, name, parent, Map.of(), Instant.EPOCH, Instant.EPOCH);
  }

  private Optional<EstimateResponse> estimate(String name, Optional<Digest> diffId) {
    asked.add(diffId);
    if (name.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        EstimateResponse.newBuilder()
            .setIndexed(indexed.contains(name))
            .setEmpty(empty.contains(name))
            .addAllUsers(users.getOrDefault(name, List.of()))
            .setNeededBytes(100)
            .setAvailableBytes(availableBytes)
            .build());
  }

  private ConversionPlan toIndexes(SnapshotInfo... snapshots) {
    return ConversionPlan.of(
        List.of(snapshots),
        Optional.of(namespace -> namespace.equals("k8s.io") ? BLOBS : Map.of()),
        this::estimate);
  }

  @Test
  void blobsAreFoundByTheNamesOfChains() {
    String base = name(1, FIRST);
    String upper = name(2, CHAIN);
    ConversionPlan plan = toIndexes(snapshot(base, ""), snapshot(upper, base));
    assertThat(plan.steps())
        .containsExactly(
            new ConversionPlan.Step(base, Optional.of(FIRST_BLOB)),
            new ConversionPlan.Step(upper, Optional.of(SECOND_BLOB)));
    assertThat(plan.obstacles()).isEmpty();
    assertThat(asked).containsExactly(Optional.of(FIRST), Optional.of(SECOND));
    assertThat(plan.neededBytes()).isEqualTo(200);
    assertThat(plan.availableBytes()).isEqualTo(1_000);
  }

  @Test
  void thereIsNothingToConvertInLayersWithoutFiles() {
    String base = name(1, FIRST);
    String unknown = name(2, SECOND);
    empty.addAll(List.of(base, unknown));
    ConversionPlan plan = toIndexes(snapshot(base, ""), snapshot(unknown, base));
    assertThat(plan.steps()).isEmpty();
    assertThat(plan.obstacles()).isEmpty();
    assertThat(plan.doneAlready()).isEqualTo(2);
  }

  @Test
  void layersWithoutBlobsStayAsTheyAre() {
    String alone = name(1, CHAIN);
    String other = "other/3/" + FIRST;
    String container = "k8s.io/4/container";
    String onContainer = name(5, SECOND);
    ConversionPlan plan =
        toIndexes(
            snapshot(alone, ""),
            snapshot(other, ""),
            snapshot(container, ""),
            snapshot(onContainer, container),
            snapshot("gone", ""));
    assertThat(plan.steps()).isEmpty();
    assertThat(plan.obstacles())
        .extracting(ConversionPlan.Obstacle::name)
        .containsExactly(alone, other, container, onContainer, "gone");
    assertThat(plan.neededBytes()).isZero();
  }

  @Test
  void layersInUseStayAsTheyAreInEitherDirection() {
    String base = name(1, FIRST);
    users.put(base, List.of("k8s.io/4/container", "k8s.io/5/view"));
    List<ConversionPlan.Obstacle> inUse =
        List.of(new ConversionPlan.Obstacle(base, "in use by k8s.io/4/container, k8s.io/5/view"));
    ConversionPlan plan = toIndexes(snapshot(base, ""), snapshot(name(2, SECOND), ""));
    assertThat(plan.obstacles()).isEqualTo(inUse);
    assertThat(plan.steps()).hasSize(1);
    assertThat(plan.neededBytes()).isEqualTo(100);
    indexed.add(base);
    assertThat(toIndexes(snapshot(base, "")).doneAlready()).isEqualTo(1);
    assertThat(
            ConversionPlan.of(List.of(snapshot(base, "")), Optional.empty(), this::estimate)
                .obstacles())
        .isEqualTo(inUse);
  }

  @Test
  void whatHasTheFormAlreadyIsCountedAndSharedLayersTakeTheirSpaceOnce() {
    String done = name(1, FIRST);
    indexed.add(done);
    ConversionPlan plan =
        toIndexes(snapshot(done, ""), snapshot(name(2, SECOND), ""), snapshot(name(3, SECOND), ""));
    assertThat(plan.doneAlready()).isEqualTo(1);
    assertThat(plan.steps()).hasSize(2);
    assertThat(plan.neededBytes()).isEqualTo(100);
  }

  @Test
  void whatHasGoneIsNotSpokenOf() {
    ConversionPlan plan = toIndexes(snapshot("", ""));
    assertThat(plan.steps()).isEmpty();
    assertThat(plan.obstacles()).isEmpty();
    assertThat(plan.doneAlready()).isZero();
  }

  @Test
  void directoriesNeedNoBlobs() {
    String container = "k8s.io/4/container";
    indexed.add(container);
    ConversionPlan plan =
        ConversionPlan.of(
            List.of(snapshot(container, ""), snapshot(name(1, FIRST), "")),
            Optional.empty(),
            this::estimate);
    assertThat(plan.steps()).containsExactly(new ConversionPlan.Step(container, Optional.empty()));
    assertThat(plan.doneAlready()).isEqualTo(1);
    assertThat(plan.neededBytes()).isEqualTo(100);
  }

  @Test
  void whatTakesMoreThanThereIsIsNotBegun() {
    SnapshotInfo[] both = {snapshot(name(1, FIRST), ""), snapshot(name(2, SECOND), "")};
    availableBytes = 200;
    toIndexes(both).requireSpace();
    availableBytes = 199;
    ConversionPlan plan = toIndexes(both);
    assertThatThrownBy(plan::requireSpace)
        .isInstanceOf(StartException.class)
        .hasMessageContaining("there is too little space: about 200 B needed, 199 B available");
  }
}
