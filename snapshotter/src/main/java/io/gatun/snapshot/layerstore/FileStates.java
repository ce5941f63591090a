package io.gatun.snapshot.layerstore;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.durability.SyncWatch;
import java.util.HashMap;
import java.util.Map;

/**
 * Tracks which files of layers are intact: files that are durable, and files that this daemon
 * wrote, as long as no sync fails. After a power failure, any other file may contain garbage.
 */
final class FileStates {

  private record Place(Digest diffId, LayerFile file) {}

  /**
   * The state of one file. Compared by identity, so that a new state or a new file of the same name
   * never equals an old one.
   */
  static final class FileState {
    private static final long DURABLE = -1;
    private static final long NOTHING = -2;

    /** The number of failed syncs when the write began, or one of the constants above. */
    private final long failures;

    private FileState(long failures) {
      this.failures = failures;
    }
  }

  private final SyncWatch watch;

  private final Map<Place, FileState> files = new HashMap<>();

  FileStates(SyncWatch watch) {
    this.watch = watch;
  }

  /** {@return a mark to obtain before writing and to pass to {@link #written}} */
  long mark() {
    return watch.failures();
  }

  /** Records that a written file has been renamed to its name but may not be durable. */
  synchronized void written(Digest diffId, LayerFile file, long mark) {
    files.put(new Place(diffId, file), new FileState(mark));
  }

  /** Records that a file is durable. */
  synchronized void durable(Digest diffId, LayerFile file) {
    files.put(new Place(diffId, file), new FileState(FileState.DURABLE));
  }

  /**
   * {@return the state to obtain before opening the file and to pass to {@link #synced} or {@link
   * #verified}}
   */
  synchronized FileState of(Digest diffId, LayerFile file) {
    return files.computeIfAbsent(new Place(diffId, file), _ -> new FileState(FileState.NOTHING));
  }

  /**
   * Records that a file was synced. A file whose content was unverified stays unverified.
   *
   * @return whether the name still refers to that file
   */
  synchronized boolean synced(Digest diffId, LayerFile file, FileState before) {
    boolean isSame = of(diffId, file).equals(before);
    if (isSame && contains(diffId, file) && !isDurable(diffId, file)) {
      durable(diffId, file);
    }
    return isSame;
  }

  /**
   * Records that a file is durable and has the right content.
   *
   * @return whether the name still refers to that file
   */
  synchronized boolean verified(Digest diffId, LayerFile file, FileState before) {
    boolean isSame = of(diffId, file).equals(before);
    if (isSame) {
      durable(diffId, file);
    }
    return isSame;
  }

  synchronized boolean contains(Digest diffId, LayerFile file) {
    FileState known = files.get(new Place(diffId, file));
    return known != null
        && (known.failures == FileState.DURABLE || known.failures == watch.failures());
  }

  synchronized boolean isDurable(Digest diffId, LayerFile file) {
    FileState known = files.get(new Place(diffId, file));
    return known != null && known.failures == FileState.DURABLE;
  }

  /** Marks all files of a layer that are not known to be durable as unverified. */
  synchronized void markUnknown(Digest diffId) {
    files.replaceAll(
        (place, known) ->
            place.diffId().equals(diffId) && known.failures != FileState.DURABLE
                ? new FileState(FileState.NOTHING)
                : known);
  }

  /** Marks a file as unverified or missing. */
  synchronized void remove(Digest diffId, LayerFile file) {
    files.put(new Place(diffId, file), new FileState(FileState.NOTHING));
  }

  synchronized void removeAll(Digest diffId) {
    files.keySet().removeIf(place -> place.diffId().equals(diffId));
  }
}
