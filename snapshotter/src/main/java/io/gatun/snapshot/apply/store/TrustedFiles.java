package io.gatun.snapshot.apply.store;

import io.gatun.snapshot.apply.Digest;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Which files of layers are known to hold what was written to them: those that are on the disk, and
 * those that this daemon has written, as long as no sync fails. Under the name of another one, a
 * power cut may have left anything.
 */
final class TrustedFiles {

  private static final long DURABLE = -1;

  private record Place(Digest diffId, LayerFile file) {}

  private final SyncWatch watch;

  /** How many syncs had failed when a file began to be written. */
  private final Map<Place, Long> marks = new HashMap<>();

  TrustedFiles(SyncWatch watch) {
    this.watch = watch;
  }

  /** {@return what to give to {@link #written}; to be asked for before writing} */
  long mark() {
    return watch.failures();
  }

  /** Says that a file that was written has its name, and may not be on the disk. */
  synchronized void written(Digest diffId, LayerFile file, long mark) {
    marks.put(new Place(diffId, file), mark);
  }

  /** Says that a file is on the disk. */
  synchronized void durable(Digest diffId, LayerFile file) {
    marks.put(new Place(diffId, file), DURABLE);
  }

  /**
   * Says that a file was brought to the disk. Of one of which nobody knew what it holds, nobody
   * does now.
   */
  synchronized void synced(Digest diffId, LayerFile file) {
    if (contains(diffId, file)) {
      durable(diffId, file);
    }
  }

  /** {@return whether a file holds what was written to it} */
  synchronized boolean contains(Digest diffId, LayerFile file) {
    Long mark = marks.get(new Place(diffId, file));
    return mark != null && (mark == DURABLE || mark == watch.failures());
  }

  /** {@return whether a file is known to be on the disk} */
  synchronized boolean isDurable(Digest diffId, LayerFile file) {
    return Objects.equals(marks.get(new Place(diffId, file)), DURABLE);
  }

  /** Says that nobody knows what the files of a layer hold that are not known to be on the disk. */
  synchronized void doubt(Digest diffId) {
    marks
        .entrySet()
        .removeIf(each -> each.getKey().diffId().equals(diffId) && each.getValue() != DURABLE);
  }

  synchronized void remove(Digest diffId, LayerFile file) {
    marks.remove(new Place(diffId, file));
  }

  synchronized void removeAll(Digest diffId) {
    marks.keySet().removeIf(place -> place.diffId().equals(diffId));
  }
}
