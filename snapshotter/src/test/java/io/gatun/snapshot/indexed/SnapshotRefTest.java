package io.gatun.snapshot.indexed;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.ChainId;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.Names;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The layer that a request for a snapshot describes. */
class SnapshotRefTest {

  private static final Digest BASE = Digest.ofHex("1".repeat(64));
  private static final Digest LAYER = Digest.ofHex("2".repeat(64));
  private static final Digest CHAIN = ChainId.of(Optional.of(BASE), LAYER);
  private static final String KEY = "k8s.io/12/extract-123456789-AbCd ";
  private static final Map<String, String> LABELS =
      Map.of("containerd.io/snapshot.ref", CHAIN.text());

  private static SnapshotRecord committed(String name) {
    return new SnapshotRecord(
        7,
        Kind.COMMITTED,
        name,
        "",
        SnapshotRecord.NO_PARENT,
        Map.of(),
        Instant.EPOCH,
        Instant.EPOCH,
        null,
        new LayerForm.Directory());
  }

  private static Optional<SnapshotRef> of(
      Kind kind, String key, Map<String, String> labels, @Nullable SnapshotRecord parent) {
    Chain planned = new Chain(Chains.NO_ID, kind, List.of(), labels, Names.isExtraction(key));
    return SnapshotRef.of(key, planned, parent);
  }

  @Test
  void chainIdOfTheParentIsInItsNameHoweverItCameToBe() {
    for (String name : List.of("k8s.io/3/" + BASE, "k8s.io/4/extract-1-a " + BASE)) {
      SnapshotRef ref = of(Kind.ACTIVE, KEY + CHAIN, LABELS, committed(name)).orElseThrow();
      assertThat(ref.matches(LAYER)).isTrue();
      assertThat(ref.matches(BASE)).isFalse();
      assertThat(ref.matches(CHAIN)).isFalse();
    }
  }

  @Test
  void lowestLayerIsItsOwnChain() {
    Map<String, String> labels = Map.of("containerd.io/snapshot.ref", BASE.text());
    SnapshotRef ref = of(Kind.ACTIVE, KEY + BASE, labels, null).orElseThrow();
    assertThat(ref.matches(BASE)).isTrue();
    assertThat(ref.matches(LAYER)).isFalse();
  }

  @Test
  void nothingIsWantedWhereKeyLabelAndParentDoNotSayTheSame() {
    SnapshotRecord parent = committed("k8s.io/3/" + BASE);
    assertThat(of(Kind.ACTIVE, KEY + CHAIN, LABELS, parent)).isPresent();
    assertThat(of(Kind.VIEW, KEY + CHAIN, LABELS, parent)).isEmpty();
    assertThat(of(Kind.ACTIVE, KEY + LAYER, LABELS, parent)).isEmpty();
    assertThat(of(Kind.ACTIVE, KEY + CHAIN, Map.of(), parent)).isEmpty();
    assertThat(of(Kind.ACTIVE, "k8s.io/12/" + CHAIN, LABELS, parent)).isEmpty();
    assertThat(of(Kind.ACTIVE, KEY + CHAIN, LABELS, committed("k8s.io/3/base"))).isEmpty();
  }

  @Test
  void diffIdThatIsToldLeavesOneLayer() {
    SnapshotRecord parent = committed("k8s.io/3/" + BASE);
    for (Digest told : List.of(LAYER, BASE)) {
      Map<String, String> labels =
          Map.of(
              "containerd.io/snapshot.ref",
              CHAIN.text(),
              "containerd.io/snapshot/diff-id",
              told.text());
      SnapshotRef ref = of(Kind.ACTIVE, KEY + CHAIN, labels, parent).orElseThrow();
      assertThat(ref.matches(LAYER)).isEqualTo(told.equals(LAYER));
      assertThat(ref.matches(BASE)).isFalse();
    }
  }

  @Test
  void namespaceIsTheWholeFirstPartOfAName() {
    SnapshotRef ref =
        of(Kind.ACTIVE, KEY + CHAIN, LABELS, committed("k8s.io/3/" + BASE)).orElseThrow();
    assertThat(ref.isOfSameNamespace(committed("k8s.io/3/" + BASE))).isTrue();
    for (String name : List.of("k8s.io", "k8s.io2/3/x", "k8s/3/x", "x/k8s.io/3", "/k8s.io/3")) {
      assertThat(ref.isOfSameNamespace(committed(name))).as(name).isFalse();
    }
  }
}
