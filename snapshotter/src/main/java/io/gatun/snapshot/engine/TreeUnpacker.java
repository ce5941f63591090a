package io.gatun.snapshot.engine;

import io.gatun.linux.Errno;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.apply.AppliedLayer;
import io.gatun.snapshot.apply.ApplyCancelledException;
import io.gatun.snapshot.apply.Cancellation;
import io.gatun.snapshot.apply.LayerApplier;
import io.gatun.snapshot.apply.LayerBlob;
import io.gatun.snapshot.apply.codec.UnsupportedLayerException;
import io.gatun.snapshot.apply.layer.InvalidLayerException;
import io.gatun.snapshot.apply.tree.TreeResult;
import io.gatun.snapshot.apply.tree.TreeWriteException;
import io.gatun.snapshot.apply.tree.TreeWriter;
import io.gatun.snapshot.disk.Disk;
import io.gatun.snapshot.driver.LayerTarget;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/** Makes trees of layers. */
final class TreeUnpacker implements LayerUnpacker {

  /** Of a layer whose entries do not go together, such as a link to a name that is not there. */
  private static final Set<Errno> CONTRADICTIONS = Set.of(Errno.ENOENT, Errno.ENOTDIR, Errno.ELOOP);

  private final Disk disk;
  private final SnapshotApplier snapshots;
  private final LayerApplier layers;

  TreeUnpacker(Disk disk, SnapshotApplier snapshots, LayerApplier layers) {
    this.disk = disk;
    this.snapshots = snapshots;
    this.layers = layers;
  }

  @Override
  public String key(List<Mount> mounts) {
    return snapshots.recognise(mounts).name();
  }

  @Override
  public AppliedLayer unpack(
      LayerBlob blob, List<Mount> mounts, boolean isDurabilityWanted, Cancellation cancellation) {
    Unpacking unpacking = new Unpacking(blob, cancellation);
    try {
      snapshots.apply(mounts, isDurabilityWanted, unpacking);
      return unpacking.result();
    } catch (IOException e) {
      throw meaning(blob, e);
    }
  }

  private static RuntimeException meaning(LayerBlob blob, IOException failure) {
    String message = "apply: layer %s: %s".formatted(blob.digest(), failure.getMessage());
    return switch (failure) {
      case ApplyCancelledException e -> new CancellationException(message);
      case InvalidLayerException e ->
          new SnapshotException.InvalidArgument("apply: " + e.getMessage());
      case UnsupportedLayerException e -> new SnapshotException.Unsupported(message);
      case TreeWriteException e when StorageErrors.isExhaustion(e.errno()) ->
          new SnapshotException.ResourceExhausted(message, e);
      case TreeWriteException e when CONTRADICTIONS.contains(e.errno()) ->
          new SnapshotException.InvalidArgument(message);
      case TreeWriteException e -> new SnapshotException.StorageFailure(message, e);
      default -> new SnapshotException.Unavailable(message, failure);
    };
  }

  /** One layer on its way into a tree. */
  private final class Unpacking implements LayerWriter {
    private final LayerBlob blob;
    private final Cancellation cancellation;
    private @Nullable AppliedLayer result;

    Unpacking(LayerBlob blob, Cancellation cancellation) {
      this.blob = blob;
      this.cancellation = cancellation;
    }

    @Override
    public TreeResult write(LayerTarget target, boolean isSyncedAfterwards) throws IOException {
      try (TreeWriter writer = TreeWriter.open(disk, target, isSyncedAfterwards)) {
        result = layers.apply(blob, writer, cancellation);
        return writer.finish();
      }
    }

    AppliedLayer result() {
      if (result == null) {
        throw new IllegalStateException("nothing was unpacked");
      }
      return result;
    }
  }
}
