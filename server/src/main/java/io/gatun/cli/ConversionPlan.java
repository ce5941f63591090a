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
 * The layers to convert, and those that cannot be converted.
 *
 * <p>The name of a snapshot and that of its parent identify its layer, see {@link ChainId}; the
 * labels of blobs only tell which layers there are.
 *
 * @param steps in this order
 * @param doneAlready how many layers have the form
 * @param neededBytes about the space that all steps take, beside what is there
 */
record ConversionPlan(
    List<Step> steps,
    List<Obstacle> obstacles,
    int doneAlready,
    long neededBytes,
    long availableBytes) {

  /**
   * A layer to convert.
   *
   * @param blob of the layer, if it is to be indexed
   */
  record Step(String name, Optional<Blob> blob) {}

  /** A layer that stays as it is. */
  record Obstacle(String name, String reason) {}

  /** The layer of a snapshot. */
  private record Found(Digest diffId, Blob blob) {}

  ConversionPlan {
    steps = List.copyOf(steps);
    obstacles = List.copyOf(obstacles);
  }

  /**
   * {@return the plan for some snapshots}
   *
   * @param blobs the layers of a namespace, by their diff ids, if the layers are to be indexed
   * @param estimates the estimate for a snapshot and its layer; empty if the snapshot is gone
   */
  static ConversionPlan of(
      List<SnapshotInfo> snapshots,
      Optional<Function<String, Map<Digest, Blob>>> blobs,
      BiFunction<String, Optional<Digest>, Optional<EstimateResponse>> estimates) {
    List<Step> steps = new ArrayList<>();
    List<Obstacle> obstacles = new ArrayList<>();
    Set<Digest> counted = new HashSet<>();
    boolean isToIndexes = blobs.isPresent();
    int doneAlready = 0;
    long neededBytes = 0;
    long availableBytes = 0;
    for (SnapshotInfo snapshot : snapshots) {
      String name = snapshot.name();
      Optional<Found> found = blobs.flatMap(known -> find(snapshot, known));
      Optional<Digest> diffId = found.map(Found::diffId);
      Optional<EstimateResponse> answer = estimates.apply(name, diffId);
      if (answer.isEmpty()) {
        continue;
      }
      EstimateResponse estimate = answer.get();
      availableBytes = estimate.getAvailableBytes();
      // A layer without files is the same in both forms.
      if (estimate.getIndexed() == isToIndexes || (isToIndexes && estimate.getEmpty())) {
        doneAlready++;
      } else if (estimate.getUsersCount() > 0) {
        obstacles.add(
            new Obstacle(name, "in use by " + String.join(", ", estimate.getUsersList())));
      } else if (isToIndexes && found.isEmpty()) {
        obstacles.add(new Obstacle(name, "containerd's content store has no blob of this layer"));
      } else {
        steps.add(new Step(name, found.map(Found::blob)));
        if (diffId.isEmpty() || counted.add(diffId.get())) {
          neededBytes += estimate.getNeededBytes();
        }
      }
    }
    return new ConversionPlan(steps, obstacles, doneAlready, neededBytes, availableBytes);
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
    return blobs.apply(snapshot.name().substring(0, end)).entrySet().stream()
        .filter(blob -> ChainId.of(below, blob.getKey()).equals(chainId.get()))
        .map(blob -> new Found(blob.getKey(), blob.getValue()))
        .findFirst();
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
}
