package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Stat;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.StoredTar;
import java.io.IOException;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
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
 * Which snapshots have their layers as tars, and so which of those tars and indexes are in use:
 * those of committed snapshots, and of active ones to which a layer was applied.
 *
 * <p>Who is about to add one holds a {@link LayerStore.LayerRef} of the layer until it is added.
 */
public final class IndexedLayers {

  private static final Logger log = LoggerFactory.getLogger(IndexedLayers.class);

  private static final Usage NOTHING = new Usage(0, 0);

  private final LayerStore layers;
  private final BooleanSupplier isJournalTrusted;
  private final Consumer<LinuxPath> trash;
  private final Map<Long, LayerForm.Indexed> forms = new ConcurrentHashMap<>();

  /** By diff id: the snapshots that have the layer, and by which index. */
  private final Map<Digest, SortedMap<Long, Digest>> referrers = new HashMap<>();

  /** By diff id: the layer that was last put on top of one. */
  private final Map<Digest, Digest> above = new HashMap<>();

  /** What active snapshots may have instead once they are committed. */
  private final Map<Long, OverlayTemplate> overlays = new ConcurrentHashMap<>();

  /**
   * @param isJournalTrusted whether the metadata are what a start after a crash would find
   * @param trash is told the name of what is in the trash and to be deleted
   */
  public IndexedLayers(
      LayerStore layers, BooleanSupplier isJournalTrusted, Consumer<LinuxPath> trash) {
    this.layers = layers;
    this.isJournalTrusted = isJournalTrusted;
    this.trash = trash;
  }

  /** {@return where the layers are} */
  public LayerStore store() {
    return layers;
  }

  /** Says that a snapshot has its layer in this form, and no longer in another. */
  public synchronized void add(long id, LayerForm.Indexed form) {
    LayerForm.Indexed before = forms.put(id, form);
    if (before != null) {
      leave(id, before);
    }
    referrers.computeIfAbsent(form.diffId(), _ -> new TreeMap<>()).put(id, form.index());
  }

  /** Says that a layer is on top of the one of a snapshot, which need not be kept. */
  synchronized void stacked(long below, Digest diffId) {
    LayerForm.Indexed form = forms.get(below);
    if (form != null) {
      above.put(form.diffId(), diffId);
    }
  }

  /** {@return the layer that was last put on top of another one, by this daemon, if it is there} */
  synchronized Optional<Digest> above(Digest diffId) {
    return Optional.ofNullable(above.get(diffId)).filter(referrers::containsKey);
  }

  /**
   * Says under which other index of its layer a snapshot may be committed, which is forgotten when
   * it has its layer in another form.
   */
  public void addOverlay(long id, OverlayTemplate overlay) {
    overlays.put(id, overlay);
  }

  /** {@return what {@link #addOverlay} said of a snapshot} */
  Optional<OverlayTemplate> findOverlay(long id) {
    return Optional.ofNullable(overlays.get(id));
  }

  /** {@return whether the records say what they would say after a crash} */
  boolean isJournalTrusted() {
    return isJournalTrusted.getAsBoolean();
  }

  /** {@return whether no snapshot has any} */
  public boolean isEmpty() {
    return forms.isEmpty();
  }

  /** {@return the form in which a snapshot has its layer, if that is kept} */
  public Optional<LayerForm.Indexed> find(long id) {
    return Optional.ofNullable(forms.get(id));
  }

  /** {@return the layers that snapshots have} */
  public synchronized Set<Digest> diffIds() {
    return Set.copyOf(referrers.keySet());
  }

  /** {@return the snapshots that have a layer, by their ids, with the form in which they do} */
  public synchronized Map<Long, LayerForm.Indexed> referrers(Digest diffId) {
    Map<Long, LayerForm.Indexed> found = new HashMap<>();
    referrers
        .getOrDefault(diffId, Collections.emptySortedMap())
        .forEach((id, index) -> found.put(id, new LayerForm.Indexed(diffId, index)));
    return found;
  }

  /** Says that a snapshot, which may have none, does not need its layer any more. */
  public synchronized void remove(long id) {
    LayerForm.Indexed form = forms.remove(id);
    if (form != null) {
      leave(id, form);
      collect(form.diffId());
    }
  }

  /**
   * Does something if a snapshot has its layer in this form, and sees to it that it has meanwhile.
   */
  synchronized void ifStill(long id, LayerForm.Indexed form, Runnable action) {
    if (form.equals(forms.get(id))) {
      action.run();
    }
  }

  private void leave(long id, LayerForm.Indexed form) {
    overlays.remove(id);
    referrers.computeIfPresent(
        form.diffId(),
        (_, snapshots) -> {
          snapshots.remove(id);
          return snapshots.isEmpty() ? null : snapshots;
        });
    if (!referrers.containsKey(form.diffId())) {
      above.remove(form.diffId());
    }
  }

  /**
   * Takes away what nobody needs of a layer; later, if that cannot be told now: the record of a
   * commit that failed may be on the disk, and turn up at the next start, where it has to find its
   * index.
   */
  public synchronized void collect(Digest diffId) {
    if (!isJournalTrusted.getAsBoolean()) {
      log.warn(
          "cannot take away what nobody needs of a layer, the next cleanup or start tries again layer={}"
              + " error=\"the metadata store is not certain that no record names it\"",
          diffId);
      return;
    }
    SortedMap<Long, Digest> snapshots = referrers.get(diffId);
    Set<Digest> indexes = new HashSet<>();
    if (snapshots != null) {
      indexes.addAll(snapshots.values());
      snapshots
          .keySet()
          .forEach(id -> findOverlay(id).ifPresent(each -> indexes.add(each.index())));
    }
    try {
      layers.collect(diffId, indexes).ifPresent(trash);
    } catch (ErrnoException e) {
      // A full disk, for example, must not keep snapshots from being removed, or roots from being
      // opened.
      log.warn(
          "cannot take away what nobody needs of a layer, the next cleanup or start tries again layer={} error=\"{}\"",
          diffId,
          e.getMessage());
    }
  }

  /** Says that the disk may have lost what was written of a layer, so that it is to be read. */
  public void markUnverified(Digest diffId) {
    layers.doubt(diffId);
  }

  /** Brings a layer to the disk that need not be there, if a snapshot has it. */
  public LayerStore.SyncOutcome syncLayer(Digest diffId) throws IOException {
    try (LayerStore.LayerRef ref = layers.acquire(diffId)) {
      return referrers(diffId).isEmpty() ? LayerStore.SyncOutcome.DONE : layers.syncLayer(ref);
    } finally {
      // Whoever has removed the last snapshot meanwhile could not do it.
      collect(diffId);
    }
  }

  /** Takes away what nobody needs of any layer. */
  public void deleteUnreferenced() throws ErrnoException {
    for (Digest diffId : layers.diffIds()) {
      collect(diffId);
    }
  }

  /**
   * {@return what a snapshot takes} Tar and index, as allocated; what several snapshots share, the
   * oldest of them takes, so that the sum is true.
   */
  Usage usage(long id) throws ErrnoException {
    Optional<LayerForm.Indexed> form = find(id);
    while (form.isPresent()) {
      Optional<Usage> counted = usage(id, form.get());
      if (!find(id).equals(form)) {
        // Nothing could be taken away meanwhile.
        collect(form.get().diffId());
      }
      if (counted.isPresent()) {
        return counted.get();
      }
      form = find(id);
    }
    return NOTHING;
  }

  /** {@return what a snapshot takes that has its layer in this form; nothing if it has not} */
  private Optional<Usage> usage(long id, LayerForm.Indexed form) throws ErrnoException {
    // So that a commit which gives it another index does not have this one taken away meanwhile.
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

  /** What of a layer counts for a snapshot that has it, which is what no older one has. */
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
