package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.ChainId;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.state.Names;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What containerd says of the layer that it wants to unpack, when it asks for a snapshot to unpack
 * it into: the chain id that the snapshot is to have once it is committed.
 *
 * @param key which begins with containerd's namespace and ends in the chain id
 * @param labels of the snapshot
 * @param parent on which the layer is to be, if any
 * @param below the chain id of that
 */
public record SnapshotRef(
    String key,
    Map<String, String> labels,
    @Nullable SnapshotRecord parent,
    Optional<Digest> below,
    Digest chainId) {

  /** Has the chain id; the snapshot keeps it when it is committed. */
  static final String CHAIN_ID_LABEL = "containerd.io/snapshot.ref";

  /** Has the layer's diff id; containerd sets it from 2.3 on. */
  static final String DIFF_ID_LABEL = "containerd.io/snapshot/diff-id";

  /**
   * {@return which layer is wanted, if it is told without a doubt}
   *
   * @param planned the snapshot that was asked for
   */
  public static Optional<SnapshotRef> of(
      String key, Chain planned, @Nullable SnapshotRecord parent) {
    Map<String, String> labels = planned.labels();
    if (planned.kind() != Kind.ACTIVE || !planned.extraction()) {
      return Optional.empty();
    }
    Optional<Digest> chainId =
        ChainId.in(key).filter(found -> found.text().equals(labels.get(CHAIN_ID_LABEL)));
    Optional<Digest> below = parent == null ? Optional.empty() : ChainId.in(parent.name());
    boolean isTold = chainId.isPresent() && below.isPresent() == (parent != null);
    return isTold
        ? Optional.of(new SnapshotRef(key, labels, parent, below, chainId.get()))
        : Optional.empty();
  }

  /** {@return whether a layer is the one} */
  boolean matches(Digest diffId) {
    String told = labels.get(DIFF_ID_LABEL);
    return (told == null || told.equals(diffId.text()))
        && ChainId.of(below, diffId).equals(chainId);
  }

  /** {@return whether containerd takes a snapshot for the layer, as it tells that by labels} */
  boolean satisfies(SnapshotRecord snapshot) {
    return snapshot.kind() == Kind.COMMITTED
        && snapshot.parent().equals(parentName())
        && Objects.equals(snapshot.labels().get(CHAIN_ID_LABEL), chainId.text());
  }

  /** {@return whether a snapshot belongs to the namespace of containerd that asks} */
  boolean isOfSameNamespace(SnapshotRecord snapshot) {
    return Names.belongsTo(key.substring(0, key.indexOf('/')), snapshot.name());
  }

  /** {@return what to record of a snapshot that has the layer} */
  SnapshotRecord committed(long id, LayerForm.Indexed form, Instant now) {
    return new SnapshotRecord(
        id,
        Kind.COMMITTED,
        key,
        parentName(),
        parent == null ? SnapshotRecord.NO_PARENT : parent.id(),
        labels,
        now,
        now,
        null,
        form);
  }

  private String parentName() {
    return parent == null ? "" : parent.name();
  }
}
