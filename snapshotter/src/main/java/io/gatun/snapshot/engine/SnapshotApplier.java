package io.gatun.snapshot.engine;

import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.DirectoryReader;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.OpenFlag;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.apply.tree.TreeResult;
import io.gatun.snapshot.disk.Disk;
import io.gatun.snapshot.driver.Chain;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.driver.TreeDeletion;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.SnapshotRecord;
import java.io.IOException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has layers unpacked into active snapshots: knows which snapshot is meant, keeps others away from
 * it meanwhile, makes the layer durable, and takes away what a failure leaves.
 *
 * <p>No name is claimed while a layer is written, which takes long. The snapshot is marked instead,
 * so that who wants to commit or remove it is refused at once.
 */
public final class SnapshotApplier {

  private static final Logger log = LoggerFactory.getLogger(SnapshotApplier.class);

  private final Disk disk;
  private final MetadataStore store;
  private final Driver driver;
  private final SnapshotDirectories directories;
  private final Chains chains;
  private final LayerDurability durability;
  private final CopySettler copies;
  private final NameClaims claims;
  private final AppliedLayers applied;
  private final AppliedRecords records;
  private final SnapshotMounts mounts;

  SnapshotApplier(
      Disk disk,
      MetadataStore store,
      Driver driver,
      SnapshotDirectories directories,
      Chains chains,
      LayerDurability durability,
      CopySettler copies,
      NameClaims claims,
      AppliedLayers applied,
      AppliedRecords records,
      SnapshotMounts mounts) {
    this.disk = disk;
    this.store = store;
    this.driver = driver;
    this.directories = directories;
    this.chains = chains;
    this.durability = durability;
    this.copies = copies;
    this.claims = claims;
    this.applied = applied;
    this.records = records;
    this.mounts = mounts;
  }

  /**
   * Unpacks a layer into the snapshot that has these mounts. When this returns, the layer is in it,
   * and as durable as {@code layer_sync} asks; if it fails, the snapshot is as it was before.
   *
   * @param requested what Prepare or Mounts answered for the snapshot
   * @param isDurabilityWanted whether the layer has to be durable, whatever {@code layer_sync} asks
   * @throws SnapshotException.Unsupported if these are no mounts of this root, or there is
   *     something in the snapshot already
   * @throws SnapshotException.FailedPrecondition if the snapshot is no active one, or a layer is
   *     being unpacked into it, or it could never be committed
   * @throws SnapshotException.NotFound if there is no such snapshot any more
   * @throws IOException what the writer throws, other than {@link ErrnoException}
   */
  public void apply(List<Mount> requested, boolean isDurabilityWanted, LayerWriter writer)
      throws IOException {
    SnapshotRecord snapshot = recognise(requested);
    String key = snapshot.name();
    try {
      Chain chain = begin(requested, snapshot);
      boolean isReady = false;
      try {
        makeReady(key, chain);
        isReady = true;
      } finally {
        if (!isReady) {
          applied.end(chain.id());
        }
      }
      write(key, chain, isDurabilityWanted, writer);
    } catch (ErrnoException e) {
      throw StorageErrors.of("apply", key, e);
    }
  }

  /** {@return the active snapshot whose mounts these look like} */
  SnapshotRecord recognise(List<Mount> requested) {
    long id =
        mounts
            .snapshotId(requested)
            .orElseThrow(
                () ->
                    new SnapshotException.Unsupported(
                        "apply: these are no mounts of a snapshot of gatun"));
    SnapshotRecord found =
        store
            .find(id)
            .orElseThrow(
                () ->
                    new SnapshotException.NotFound(
                        "apply: the snapshot with id %d: not found".formatted(id)));
    if (found.kind() != Kind.ACTIVE) {
      throw new SnapshotException.FailedPrecondition(
          "apply %s: the snapshot is not active but %s"
              .formatted(found.name(), found.kind().filterName()));
    }
    return found;
  }

  /** Marks the snapshot. Nobody changes its record meanwhile, or can afterwards. */
  private Chain begin(List<Mount> requested, SnapshotRecord snapshot) throws ErrnoException {
    String key = snapshot.name();
    try (var _ = claims.claim(List.of(key), "")) {
      SnapshotRecord current = chains.find("apply", key);
      if (current.id() != snapshot.id() || current.kind() != Kind.ACTIVE) {
        throw Chains.notFound("apply", key);
      }
      Chain chain = chains.of(current);
      if (!driver.mounts(chain).equals(requested)) {
        throw new SnapshotException.Unsupported(
            "apply %s: these are not the mounts that gatun gives for the snapshot".formatted(key));
      }
      applied.begin(key, chain.id());
      return chain;
    }
  }

  private void makeReady(String key, Chain chain) throws ErrnoException {
    if (applied.isSpoiled(chain.id())) {
      remake(chain);
    } else if (!driver.isAsMade(chain, applied.madeAt(chain.id()))) {
      throw new SnapshotException.Unsupported(
          "apply %s: there is something in the snapshot already".formatted(key));
    }
  }

  private void write(String key, Chain chain, boolean isDurabilityWanted, LayerWriter writer)
      throws IOException {
    boolean isComplete = false;
    try {
      records.begin(chain.id());
      long mark = durability.beginApply(key, chain.id(), isDurabilityWanted);
      boolean isDurable = durability.isAskedOfApply(isDurabilityWanted);
      TreeResult result = writer.write(driver.target(chain), isDurable);
      AppliedLayers.Layer layer =
          new AppliedLayers.Layer(result, isDurable, driver.changeTimes(chain));
      durability.awaitApply(key, chain, mark, isDurabilityWanted);
      records.keep(chain.id(), layer);
      if (!applied.unpacked(chain.id(), layer)) {
        records.forget(chain.id());
      }
      isComplete = true;
    } finally {
      if (!isComplete) {
        restore(key, chain);
      }
    }
  }

  /** Takes away what has been written; the failure that was the reason is thrown on. */
  private void restore(String key, Chain chain) {
    applied.spoil(chain.id());
    try {
      remake(chain);
    } catch (ErrnoException e) {
      log.warn(
          "what was unpacked of a layer cannot be taken away now, the next attempt tries again key=\"{}\" id={}"
              + " error=\"{}\"",
          key,
          chain.id(),
          e.getMessage());
    } finally {
      applied.end(chain.id());
    }
  }

  private void remake(Chain chain) throws ErrnoException {
    try {
      directories.remake(chain.id(), directory -> driver.create(directory, chain));
    } catch (ErrnoException e) {
      if (!StorageErrors.isExhaustion(e.errno())) {
        throw e;
      }
      // The layer itself may be what takes the room that a new directory needs.
      empty(chain);
      directories.remake(chain.id(), directory -> driver.create(directory, chain));
    }
    boolean isUnsettled = driver.isUnsettled(chain.id());
    applied.made(chain.id(), driver.madeAt(chain.id()));
    if (isUnsettled) {
      copies.submit(chain.id());
    }
  }

  private void empty(Chain chain) throws ErrnoException {
    try (Fd files =
        Fcntl.open(driver.target(chain).files(), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      for (DirectoryEntry entry : new DirectoryReader().all(files)) {
        TreeDeletion.delete(disk, files, entry.name());
      }
    }
  }
}
