package io.gatun.cli;

import io.gatun.cli.text.Formats;
import io.gatun.proto.conversion.EstimateResponse;
import io.gatun.server.config.StartException;
import io.gatun.server.content.LayerLabels.Blob;
import io.gatun.snapshot.ChainId;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotInfo;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * What is to be converted, and what cannot be.
 *
 * <p>Which layer a snapshot has is told by its name and that of its parent, see {@link ChainId};
 * the labels of blobs only say which layers there are.
 */
final class ConversionPlan {

  /**
   * A layer that is to be converted.
   *
   * @param blob of it, if it is to become an index
   */
  record Step(String name, Optional<Blob> blob) {}

  /** A layer that stays as it is. */
  record Obstacle(String name, String reason) {}

  /** Which layer a snapshot has. */
  private record Found(Digest diffId, Blob blob) {}

  private final List<Step> steps = new ArrayList<>();
  private final List<Obstacle> obstacles = new ArrayList<>();
  private final Set<Digest> counted = new HashSet<>();
  private int doneAlready;
  private long neededBytes;
  private long availableBytes;

  private ConversionPlan() {}

  /**
   * {@return what is to be done for some snapshots to have indexes}
   *
   * @param blobs the layers of a namespace, by their diff ids
   * @param estimates what it takes, of a snapshot and its layer
   */
  static ConversionPlan toIndexes(
      List<SnapshotInfo> snapshots,
      Function<String, Map<Digest, Blob>> blobs,
      BiFunction<String, Optional<Digest>, Optional<EstimateResponse>> estimates) {
    ConversionPlan plan = new ConversionPlan();
    for (SnapshotInfo snapshot : snapshots) {
      Optional<Found> found = find(snapshot, blobs);
      Optional<EstimateResponse> estimate =
          estimates.apply(snapshot.name(), found.map(Found::diffId));
      if (estimate.isPresent()) {
        plan.addIndex(snapshot, found, estimate.get());
      }
    }
    return plan;
  }

  /** {@return what is to be done for some snapshots to have directories} */
  static ConversionPlan toDirectories(
      List<SnapshotInfo> snapshots,
      BiFunction<String, Optional<Digest>, Optional<EstimateResponse>> estimates) {
    ConversionPlan plan = new ConversionPlan();
    for (SnapshotInfo snapshot : snapshots) {
      Optional<EstimateResponse> estimate = estimates.apply(snapshot.name(), Optional.empty());
      if (estimate.isPresent()) {
        plan.addDirectory(snapshot, estimate.get());
      }
    }
    return plan;
  }

  private static Optional<Found> find(
      SnapshotInfo snapshot, Function<String, Map<Digest, Blob>> blobs) {
    Optional<Digest> chainId = ChainId.in(snapshot.name());
    Optional<Digest> below =
        snapshot.parent().isEmpty() ? Optional.empty() : ChainId.in(snapshot.parent());
    int end = snapshot.name().indexOf('/');
    if (chainId.isEmpty() || end < 0 || below.isEmpty() != snapshot.parent().isEmpty()) {
      return Optional.empty();
    }
    for (Map.Entry<Digest, Blob> blob : blobs.apply(snapshot.name().substring(0, end)).entrySet()) {
      if (ChainId.of(below, blob.getKey()).equals(chainId.get())) {
        return Optional.of(new Found(blob.getKey(), blob.getValue()));
      }
    }
    return Optional.empty();
  }

  private void addIndex(SnapshotInfo snapshot, Optional<Found> found, EstimateResponse estimate) {
    availableBytes = estimate.getAvailableBytes();
    if (estimate.getIndexed() || estimate.getEmpty()) {
      // One without files has either form, as far as anybody can see.
      doneAlready++;
    } else if (found.isEmpty()) {
      obstacles.add(
          new Obstacle(snapshot.name(), "containerd's content store has no blob of this layer"));
    } else {
      steps.add(new Step(snapshot.name(), Optional.of(found.get().blob())));
      if (counted.add(found.get().diffId())) {
        neededBytes += estimate.getNeededBytes();
      }
    }
  }

  private void addDirectory(SnapshotInfo snapshot, EstimateResponse estimate) {
    availableBytes = estimate.getAvailableBytes();
    if (estimate.getIndexed()) {
      steps.add(new Step(snapshot.name(), Optional.empty()));
      neededBytes += estimate.getNeededBytes();
    } else {
      doneAlready++;
    }
  }

  /** {@return what is to be converted, in this order} */
  List<Step> steps() {
    return List.copyOf(steps);
  }

  /** {@return what cannot be} */
  List<Obstacle> obstacles() {
    return List.copyOf(obstacles);
  }

  /** {@return how many have the form already} */
  int doneAlready() {
    return doneAlready;
  }

  /**
   * @throws StartException if all steps take more than there is
   */
  void requireSpace() {
    if (neededBytes > availableBytes) {
      throw new StartException(
          "there is too little space: about %s needed, %s available; free some, or convert fewer layers at a time"
              .formatted(Formats.bytes(neededBytes), Formats.bytes(availableBytes)));
    }
  }

  /** {@return about what all steps take, beside what is there} */
  long neededBytes() {
    return neededBytes;
  }

  long availableBytes() {
    return availableBytes;
  }
}
