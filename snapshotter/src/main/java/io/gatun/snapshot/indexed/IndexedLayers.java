package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.StoredTar;
import java.io.IOException;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Knows which snapshots have indexed layers, and therefore which tars and indexes are in use. These
 * are committed snapshots, and active ones to which a layer was applied.
 *
 * <p>A caller holds a {@link LayerStore.LayerRef} of a layer until it has added the layer here.
 */
public final class IndexedLayers {

  private static final Logger log = LoggerFactory.getLogger(IndexedLayers.class);

  private static final Usage NOTHING = new Usage(0, 0);

  private final LayerStore layers;
  private final BooleanSupplier isJournalTrusted;
  private final Consumer<LinuxPath> trash;
  private final Map<Long, LayerForm.Indexed> forms = new ConcurrentHashMap<>();

  /** By diff id: the snapshots that have the layer, each with its index. */
  private final Map<Digest, SortedMap<Long, Digest>> referrers = new HashMap<>();

  /**
   * @param isJournalTrusted whether a start after a crash would find the current records
   * @param trash gets the names of trash entries to delete
   */
  public IndexedLayers(
      LayerStore layers, BooleanSupplier isJournalTrusted, Consumer<LinuxPath> trash) {
    this.layers = layers;
    this.isJournalTrusted = isJournalTrusted;
    this.trash = trash;
  }

  public LayerStore store() {
    return layers;
  }

  /** Registers the form of a snapshot's layer, which replaces an earlier one. */
  public synchronized void add(long id, LayerForm.Indexed form) {
    LayerForm.Indexed before = forms.put(id, form);
    if (before != null) {
      leave(id, before);
    }
    referrers.computeIfAbsent(form.diffId(), _ -> new TreeMap<>()).put(id, form.index());
  }

  /** {@return whether a start after a crash would find the current records} */
  boolean isJournalTrusted() {
    return isJournalTrusted.getAsBoolean();
  }

  /** {@return whether no snapshot has an indexed layer} */
  public boolean isEmpty() {
    return forms.isEmpty();
  }

  /** {@return the ids of the snapshots that have an indexed layer} */
  Set<Long> ids() {
    return Set.copyOf(forms.keySet());
  }

  /** {@return the form of a snapshot's layer, if it is indexed} */
  public Optional<LayerForm.Indexed> find(long id) {
    return Optional.ofNullable(forms.get(id));
  }

  /** {@return the diff ids of the layers that snapshots have} */
  public synchronized Set<Digest> diffIds() {
    return Set.copyOf(referrers.keySet());
  }

  /** {@return the ids of the snapshots that have a layer, each with the form of its layer} */
  public synchronized Map<Long, LayerForm.Indexed> referrers(Digest diffId) {
    Map<Long, LayerForm.Indexed> found = new HashMap<>();
    referrers
        .getOrDefault(diffId, Collections.emptySortedMap())
        .forEach((id, index) -> found.put(id, new LayerForm.Indexed(diffId, index)));
    return found;
  }

  /** Removes the layer of a snapshot, if it has one, and deletes unreferenced files. */
  public synchronized void remove(long id) {
    LayerForm.Indexed form = forms.remove(id);
    if (form != null) {
      leave(id, form);
      collect(form.diffId());
    }
  }

  /**
   * Runs an action if a snapshot has its layer in this form. The form does not change meanwhile.
   */
  synchronized void ifStill(long id, LayerForm.Indexed form, Runnable action) {
    if (form.equals(forms.get(id))) {
      action.run();
    }
  }

  private void leave(long id, LayerForm.Indexed form) {
    referrers.computeIfPresent(
        form.diffId(),
        (_, snapshots) -> {
          snapshots.remove(id);
          return snapshots.isEmpty() ? null : snapshots;
        });
  }

  /**
   * Deletes the files of a layer that no snapshot references. While the journal is not trusted, it
   * leaves them to the next cleanup or start: the record of a failed commit may be on the disk, and
   * if the next start reads it, its index has to exist.
   */
  public synchronized void collect(Digest diffId) {
    if (!isJournalTrusted.getAsBoolean()) {
      log.warn(
          "cannot delete unreferenced files of a layer, the next cleanup or start will retry layer={}"
              + " error=\"the metadata store is not certain that no record names it\"",
          diffId);
      return;
    }
    SortedMap<Long, Digest> snapshots =
        referrers.getOrDefault(diffId, Collections.emptySortedMap());
    try {
      layers.collect(diffId, Set.copyOf(snapshots.values())).ifPresent(trash);
    } catch (ErrnoException e) {
      // A full disk, for example, must not prevent the removal of snapshots, or the opening of a
      // root.
      log.warn(
          "cannot delete unreferenced files of a layer, the next cleanup or start will retry layer={} error=\"{}\"",
          diffId,
          e.getMessage());
    }
  }

  /** Marks a layer that the disk may have lost, so that it is read and verified. */
  public void markUnverified(Digest diffId) {
    layers.doubt(diffId);
  }

  /** Syncs a layer if a snapshot has it. The layer need not exist. */
  public LayerStore.SyncOutcome syncLayer(Digest diffId) throws IOException {
    try (LayerStore.LayerRef ref = layers.acquire(diffId)) {
      return referrers(diffId).isEmpty() ? LayerStore.SyncOutcome.DONE : layers.syncLayer(ref);
    } finally {
      // The reference prevented this if the last snapshot was removed meanwhile.
      collect(diffId);
    }
  }

  /** Deletes the files of all layers that no snapshot references. */
  public void deleteUnreferenced() throws ErrnoException {
    for (Digest diffId : layers.diffIds()) {
      collect(diffId);
    }
  }

  /**
   * {@return the disk usage of a snapshot: the allocated bytes of its tar and index} A shared file
   * counts only for the oldest snapshot that has it, so that the sum is correct.
   */
  Usage usage(long id) throws ErrnoException {
    Optional<LayerForm.Indexed> form = find(id);
    while (form.isPresent()) {
      Optional<Usage> counted = usage(id, form.get());
      if (!find(id).equals(form)) {
        // The reference prevented this meanwhile.
        collect(form.get().diffId());
      }
      if (counted.isPresent()) {
        return counted.get();
      }
      form = find(id);
    }
    return NOTHING;
  }

  /**
   * {@return the usage of a snapshot that has its layer in this form; nothing if it has another
   * form}
   */
  private Optional<Usage> usage(long id, LayerForm.Indexed form) throws ErrnoException {
    // Keeps this index, even if a commit gives the snapshot another one meanwhile.
    try (LayerStore.LayerRef _ = layers.acquire(form.diffId())) {
      Optional<Share> share = share(id).filter(found -> found.form().equals(form));
      return share.isPresent() ? Optional.of(usage(share.get())) : Optional.empty();
    }
  }

  private Usage usage(Share share) throws ErrnoException {
    LayerForm.Indexed form = share.form();
    long files = 0;
    long bytes = 0;
    if (share.hasTar()) {
      try (StoredTar tar = layers.openTar(form.diffId())) {
        files++;
        bytes += allocatedBytes(tar.file());
      }
    }
    if (share.hasIndex()) {
      try (Fd index = layers.openIndex(form.diffId(), form.index())) {
        files++;
        bytes += allocatedBytes(index);
      }
    }
    return new Usage(files, bytes);
  }

  /** The files of a layer that count for a snapshot: those that no older snapshot has. */
  private record Share(LayerForm.Indexed form, boolean hasTar, boolean hasIndex) {}

  private synchronized Optional<Share> share(long id) {
    LayerForm.Indexed form = forms.get(id);
    SortedMap<Long, Digest> snapshots = form == null ? null : referrers.get(form.diffId());
    if (form == null || snapshots == null) {
      return Optional.empty();
    }
    boolean isOldestWithIndex =
        snapshots.headMap(id).values().stream().noneMatch(form.index()::equals);
    return Optional.of(new Share(form, snapshots.firstKey() == id, isOldestWithIndex));
  }

  private static long allocatedBytes(Fd file) throws ErrnoException {
    return Stat.statx(file).blocks() * FileStatus.BLOCK_BYTES;
  }
}
