package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Stat;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.apply.Digest;
import io.gatun.snapshot.apply.store.LayerStore;
import io.gatun.snapshot.apply.store.StoredTar;
import io.gatun.snapshot.metadata.LayerForm;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which snapshots have their layers as tars, and so which of those tars and indexes are in use:
 * those of committed snapshots, and of active ones to which a layer was applied.
 *
 * <p>Who is about to add one holds a {@link LayerStore.Use} of the layer until it is added.
 */
final class KeptLayers {

  private static final Logger log = LoggerFactory.getLogger(KeptLayers.class);

  private static final Usage NOTHING = new Usage(0, 0);

  private final LayerStore layers;
  private final Consumer<LinuxPath> trash;
  private final Map<Long, LayerForm.Indexed> forms = new ConcurrentHashMap<>();

  /** By diff id: the snapshots that have the layer, and by which index. */
  private final Map<Digest, SortedMap<Long, Digest>> users = new HashMap<>();

  /**
   * @param trash is told the name of what is in the trash and to be deleted
   */
  KeptLayers(LayerStore layers, Consumer<LinuxPath> trash) {
    this.layers = layers;
    this.trash = trash;
  }

  /** Says that a snapshot has its layer in this form, and no longer in another. */
  synchronized void add(long id, LayerForm.Indexed form) {
    LayerForm.Indexed before = forms.put(id, form);
    if (before != null) {
      leave(id, before);
    }
    users.computeIfAbsent(form.diffId(), _ -> new TreeMap<>()).put(id, form.index());
  }

  /** {@return whether no snapshot has any} */
  boolean isEmpty() {
    return forms.isEmpty();
  }

  /** {@return the form in which a snapshot has its layer, if that is kept} */
  Optional<LayerForm.Indexed> find(long id) {
    return Optional.ofNullable(forms.get(id));
  }

  /** Says that a snapshot, which may have none, does not need its layer any more. */
  synchronized void remove(long id) {
    LayerForm.Indexed form = forms.remove(id);
    if (form != null) {
      leave(id, form);
      retire(form.diffId());
    }
  }

  private void leave(long id, LayerForm.Indexed form) {
    users.computeIfPresent(
        form.diffId(),
        (_, snapshots) -> {
          snapshots.remove(id);
          return snapshots.isEmpty() ? null : snapshots;
        });
  }

  /** Takes away what nobody needs of a layer. */
  synchronized void retire(Digest diffId) {
    SortedMap<Long, Digest> snapshots = users.get(diffId);
    Set<Digest> indexes = snapshots == null ? Set.of() : new HashSet<>(snapshots.values());
    try {
      layers.retire(diffId, indexes).ifPresent(trash);
    } catch (ErrnoException e) {
      // A full disk, for example, must not keep snapshots from being removed, or roots from being
      // opened.
      log.warn(
          "cannot take away what nobody needs of a layer, the next cleanup or start tries again layer={} error=\"{}\"",
          diffId,
          e.getMessage());
    }
  }

  /** Takes away what nobody needs of any layer. */
  void retireAll() throws ErrnoException {
    for (Digest diffId : layers.diffIds()) {
      retire(diffId);
    }
  }

  /**
   * {@return what a snapshot takes} Tar and index, as allocated; what several snapshots share, the
   * oldest of them takes, so that the sum is true.
   */
  Usage usage(long id) throws ErrnoException {
    Optional<LayerForm.Indexed> form = find(id);
    if (form.isEmpty()) {
      return NOTHING;
    }
    long files = 0;
    long bytes = 0;
    if (isOldestWithTar(id, form.get())) {
      try (StoredTar tar = layers.openTar(form.get().diffId())) {
        files++;
        bytes += allocatedBytes(tar.file());
      }
    }
    if (isOldestWithIndex(id, form.get())) {
      try (Fd index = layers.openIndex(form.get().diffId(), form.get().index())) {
        files++;
        bytes += allocatedBytes(index);
      }
    }
    return new Usage(files, bytes);
  }

  private synchronized boolean isOldestWithTar(long id, LayerForm.Indexed form) {
    SortedMap<Long, Digest> snapshots = users.get(form.diffId());
    return snapshots != null && snapshots.firstKey() == id;
  }

  private synchronized boolean isOldestWithIndex(long id, LayerForm.Indexed form) {
    SortedMap<Long, Digest> snapshots = users.get(form.diffId());
    return snapshots != null
        && snapshots.entrySet().stream()
            .filter(each -> each.getValue().equals(form.index()))
            .findFirst()
            .filter(first -> first.getKey() == id)
            .isPresent();
  }

  private static long allocatedBytes(Fd file) throws ErrnoException {
    return Stat.statx(file).blocks() * FileStatus.BLOCK_BYTES;
  }
}
