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
 * containerd's description of the layer that it wants to unpack, from its request for a snapshot:
 * the chain id that the snapshot will have once it is committed.
 *
 * @param key begins with containerd's namespace and ends in the chain id
 * @param labels the labels of the snapshot
 * @param parent the parent of the layer, if it has one
 * @param below the chain id of the parent
 */
public record SnapshotRef(
    String key,
    Map<String, String> labels,
    @Nullable SnapshotRecord parent,
    Optional<Digest> below,
    Digest chainId) {

  /** The label with the chain id; the committed snapshot keeps it. */
  static final String CHAIN_ID_LABEL = "containerd.io/snapshot.ref";

  /** The label with the layer's diff id; containerd sets it from 2.3 on. */
  static final String DIFF_ID_LABEL = "containerd.io/snapshot/diff-id";

  /**
   * {@return the description of the layer, if the request has a consistent one}
   *
   * @param planned the requested snapshot
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

  /** {@return whether this describes a layer} */
  boolean matches(Digest diffId) {
    String told = labels.get(DIFF_ID_LABEL);
    return (told == null || told.equals(diffId.text()))
        && ChainId.of(below, diffId).equals(chainId);
  }

  /** {@return whether containerd takes a snapshot for the layer, which it decides by labels} */
  boolean satisfies(SnapshotRecord snapshot) {
    return snapshot.kind() == Kind.COMMITTED
        && snapshot.parent().equals(parentName())
        && Objects.equals(snapshot.labels().get(CHAIN_ID_LABEL), chainId.text());
  }

  /** {@return whether a snapshot belongs to the containerd namespace of the request} */
  boolean isOfSameNamespace(SnapshotRecord snapshot) {
    return Names.belongsTo(key.substring(0, key.indexOf('/')), snapshot.name());
  }

  /** {@return the record of a committed snapshot that has the layer} */
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
