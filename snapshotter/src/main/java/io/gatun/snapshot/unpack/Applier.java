package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.Prefetcher;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.indexed.Layers;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.state.ApplyTarget;
import io.gatun.snapshot.state.SnapshotMounts;
import io.gatun.snapshot.state.Snapshots;
import io.gatun.snapshot.state.UnpackingFailures;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Applies layers to active snapshots; the package documentation shows the steps.
 *
 * <p>The name of a snapshot is locked only while the snapshot is checked and marked. Unpacking
 * takes long, and the mark makes conflicting requests fail at once instead of waiting for a lock.
 */
public final class Applier implements LayerUnpacker {

  private final Snapshots snapshots;
  private final SnapshotMounts snapshotMounts;
  private final Layers layers;
  private final Driver driver;
  private final LayerBackend backend;
  private final DirectoryBackend directory;
  private final Optional<LayerPrefetch> prefetch;

  /**
   * @param backend stores layers in this root's form
   * @param directory stores the layers that {@code backend} does not accept
   * @param prefetch reads the next layers for {@code backend}, if that is useful
   */
  public Applier(
      Snapshots snapshots,
      Layers layers,
      Driver driver,
      LayerBackend backend,
      DirectoryBackend directory,
      Optional<LayerPrefetch> prefetch) {
    this.snapshots = snapshots;
    this.snapshotMounts = new SnapshotMounts(snapshots.root().path());
    this.layers = layers;
    this.driver = driver;
    this.backend = backend;
    this.directory = directory;
    this.prefetch = prefetch;
  }

  private record Found(Applier applier, SnapshotRecord snapshot, List<Mount> mounts)
      implements Target {
    @Override
    public String key() {
      return snapshot.name();
    }

    @Override
    public AppliedLayer unpack(
        LayerBlob blob, boolean syncRequested, NextLayerHint next, Cancellation cancellation) {
      try {
        return applier.apply(
            this, syncRequested, target -> applier.unpack(target, blob, next, cancellation));
      } catch (IOException e) {
        throw UnpackingFailures.meaning(blob, e);
      }
    }
  }

  @Override
  public Target find(List<Mount> mounts) {
    return found(mounts);
  }

  private Found found(List<Mount> mounts) {
    long id =
        snapshotMounts
            .snapshotId(mounts)
            .orElseThrow(
                () ->
                    new SnapshotException.Unsupported(
                        "apply: these are no mounts of a snapshot of gatun"));
    SnapshotRecord snapshot =
        snapshots
            .store()
            .find(id)
            .orElseThrow(
                () ->
                    new SnapshotException.NotFound(
                        "apply: the snapshot with id %d: not found".formatted(id)));
    if (snapshot.kind() != Kind.ACTIVE) {
      throw new SnapshotException.FailedPrecondition(
          "apply %s: the snapshot is not active but %s"
              .formatted(snapshot.name(), snapshot.kind().filterName()));
    }
    return new Found(this, snapshot, List.copyOf(mounts));
  }

  /**
   * Writes a layer from a source other than a blob to the directory of the snapshot that has these
   * mounts, with the guarantees of {@link Target#unpack}.
   *
   * @throws IOException if the source throws it; an {@link ErrnoException} is translated
   */
  public void apply(List<Mount> mounts, boolean syncRequested, DirectorySource source)
      throws IOException {
    var _ =
        apply(
            found(mounts),
            syncRequested,
            target -> {
              target.unpacked(directory.write(target, source));
              return target.id();
            });
  }

  /** Runs on a snapshot that is ready for a layer. */
  private interface Work<T> {
    T run(ApplyTarget target) throws IOException;
  }

  private <T> T apply(Found found, boolean syncRequested, Work<T> work) throws IOException {
    try {
      ApplyTarget target = begin(found, syncRequested);
      try {
        return work.run(target);
      } catch (IOException | RuntimeException | Error e) {
        target.rollBack();
        throw e;
      }
    } catch (ErrnoException e) {
      throw StorageErrors.of("apply", found.key(), e);
    }
  }

  /** {@return the snapshot, marked, with its parents mounted and nothing in it} */
  private ApplyTarget begin(Found found, boolean syncRequested) throws ErrnoException {
    String key = found.key();
    ApplyTarget target;
    try (var _ = snapshots.nameLocks().lock(List.of(key), "")) {
      SnapshotRecord current = snapshots.chains().requireSame("apply", found.snapshot());
      Chain chain = snapshots.chains().of(current);
      if (!driver.mounts(chain).equals(found.mounts())) {
        throw new SnapshotException.Unsupported(
            "apply %s: these are not the mounts that gatun gives for the snapshot".formatted(key));
      }
      target = snapshots.beginApply(key, chain, syncRequested);
    }
    try {
      layers.mounts().mountLayers(target.chain().parents());
      Optional<LayerForm.Indexed> earlier = layers.indexed().find(target.id());
      if (earlier.isPresent()) {
        // A layer that is applied on top needs the earlier one as files in the directory.
        layers.materializer().materialize("apply", key, target.chain(), earlier.get());
      }
      target.requirePristine();
      return target;
    } catch (ErrnoException | RuntimeException | Error e) {
      target.rollBack();
      throw e;
    }
  }

  private AppliedLayer unpack(
      ApplyTarget target, LayerBlob blob, NextLayerHint next, Cancellation cancellation)
      throws IOException {
    if (!backend.accepts(target)) {
      return record(target, directory.apply(target, blob, Optional.empty(), cancellation));
    }
    if (prefetch.isEmpty()) {
      return record(target, backend.apply(target, blob, Optional.empty(), cancellation));
    }
    target.requireCommittable();
    try (Prefetcher<Digest, Prefetched>.Claim claim =
        prefetch.get().claim(blob.digest(), next, cancellation)) {
      return record(target, backend.apply(target, blob, claim.value(), cancellation));
    }
  }

  private AppliedLayer record(ApplyTarget target, Unpacked unpacked) throws IOException {
    try (unpacked) {
      try {
        // First, so that this snapshot does not count among those that had the earlier tar.
        unpacked
            .replaced()
            .ifPresent(tar -> layers.rebuild().tarReplaced(tar.diffId(), tar.wasDamaged()));
        Optional<LayerReading> files = unpacked.record(target);
        return files.isPresent()
            ? record(target, directory.write(target, files.get()))
            : unpacked.layer();
      } catch (IOException | RuntimeException | Error e) {
        // Before the layer is released, so that no record names a deleted layer.
        target.rollBack();
        throw e;
      }
    }
  }

  @Override
  public void warmUp(LayerBlob blob) {
    try {
      backend.warmUp(blob);
    } catch (IOException e) {
      throw UnpackingFailures.meaning(blob, e);
    }
  }
}
