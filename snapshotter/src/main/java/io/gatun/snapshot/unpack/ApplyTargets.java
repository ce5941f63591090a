package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.indexed.LayerMounts;
import io.gatun.snapshot.indexed.Layers;
import io.gatun.snapshot.indexed.Materializer;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.NameLocks;
import io.gatun.snapshot.state.Snapshots;
import java.util.List;
import java.util.Optional;

/**
 * Prepares active snapshots for a layer.
 *
 * <p>The name is locked only while the snapshot is checked and marked. Unpacking takes long, and
 * the mark makes conflicting requests fail at once instead of waiting for a lock.
 */
public final class ApplyTargets {

  private final Driver driver;
  private final Chains chains;
  private final NameLocks nameLocks;
  private final IndexedLayers indexedLayers;
  private final LayerMounts layerMounts;
  private final Materializer materializer;
  private final UnpackStates states;

  public ApplyTargets(Snapshots snapshots, Layers layers, Driver driver, UnpackStates states) {
    this.driver = driver;
    this.chains = snapshots.chains();
    this.nameLocks = snapshots.nameLocks();
    this.indexedLayers = layers.indexed();
    this.layerMounts = layers.mounts();
    this.materializer = layers.materializer();
    this.states = states;
  }

  /**
   * {@return the snapshot, marked, with its parents mounted and nothing in it}
   *
   * @param requested the mounts in the request, which must equal the snapshot's mounts
   * @param found the snapshot that these mounts identify
   */
  ApplyTarget begin(List<Mount> requested, SnapshotRecord found, boolean syncRequested)
      throws ErrnoException {
    String key = found.name();
    ApplyTarget target;
    try (var _ = nameLocks.lock(List.of(key), "")) {
      SnapshotRecord current = chains.find("apply", key);
      if (current.id() != found.id() || current.kind() != Kind.ACTIVE) {
        throw Chains.notFound("apply", key);
      }
      Chain chain = chains.of(current);
      if (!driver.mounts(chain).equals(requested)) {
        throw new SnapshotException.Unsupported(
            "apply %s: these are not the mounts that gatun gives for the snapshot".formatted(key));
      }
      target = states.begin(key, chain, syncRequested);
    }
    makeReady(target);
    return target;
  }

  private void makeReady(ApplyTarget target) throws ErrnoException {
    try {
      layerMounts.mountLayers(target.chain().parents());
      Optional<LayerForm.Indexed> earlier = indexedLayers.find(target.id());
      if (earlier.isPresent()) {
        // A layer that is applied on top needs the earlier one as files in the directory.
        materializer.materialize("apply", target.key(), target.chain(), earlier.get());
      }
      states.requirePristine(target);
      states.prepared(target.id());
    } catch (ErrnoException | RuntimeException | Error e) {
      target.rollBack();
      throw e;
    }
  }
}
