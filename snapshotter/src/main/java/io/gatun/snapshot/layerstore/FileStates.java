package io.gatun.snapshot.layerstore;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.durability.SyncWatch;
import java.util.HashMap;
import java.util.Map;

/**
 * Which files of layers are known to hold what was written to them: those that are on the disk, and
 * those that this daemon has written, as long as no sync fails. Under the name of another one, a
 * power cut may have left anything.
 */
final class FileStates {

  private record Place(Digest diffId, LayerFile file) {}

  /**
   * What is known of one file, until something else is known, or of another file of its name:
   * nothing is equal to it but itself.
   */
  static final class FileState {
    private static final long DURABLE = -1;
    private static final long NOTHING = -2;

    /** How many syncs had failed when the file began to be written, or one of these. */
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

  /** {@return what to give to {@link #written}; to be asked for before writing} */
  long mark() {
    return watch.failures();
  }

  /** Says that a file that was written has its name, and may not be on the disk. */
  synchronized void written(Digest diffId, LayerFile file, long mark) {
    files.put(new Place(diffId, file), new FileState(mark));
  }

  /** Says that a file is on the disk. */
  synchronized void durable(Digest diffId, LayerFile file) {
    files.put(new Place(diffId, file), new FileState(FileState.DURABLE));
  }

  /**
   * {@return what to give to {@link #synced} and {@link #verified}; to be asked for before the file
   * is opened}
   */
  synchronized FileState of(Digest diffId, LayerFile file) {
    return files.computeIfAbsent(new Place(diffId, file), _ -> new FileState(FileState.NOTHING));
  }

  /**
   * Says that a file was brought to the disk. Of one of which nobody knew what it holds, nobody
   * does now.
   *
   * @return whether that is still the file of this name
   */
  synchronized boolean synced(Digest diffId, LayerFile file, FileState before) {
    boolean isSame = of(diffId, file).equals(before);
    if (isSame && contains(diffId, file) && !isDurable(diffId, file)) {
      durable(diffId, file);
    }
    return isSame;
  }

  /**
   * Says that a file is on the disk, and holds what it should.
   *
   * @return whether that is still the file of this name
   */
  synchronized boolean verified(Digest diffId, LayerFile file, FileState before) {
    boolean isSame = of(diffId, file).equals(before);
    if (isSame) {
      durable(diffId, file);
    }
    return isSame;
  }

  /** {@return whether a file holds what was written to it} */
  synchronized boolean contains(Digest diffId, LayerFile file) {
    FileState known = files.get(new Place(diffId, file));
    return known != null
        && (known.failures == FileState.DURABLE || known.failures == watch.failures());
  }

  /** {@return whether a file is known to be on the disk} */
  synchronized boolean isDurable(Digest diffId, LayerFile file) {
    FileState known = files.get(new Place(diffId, file));
    return known != null && known.failures == FileState.DURABLE;
  }

  /** Says that nobody knows what the files of a layer hold that are not known to be on the disk. */
  synchronized void markUnknown(Digest diffId) {
    files.replaceAll(
        (place, known) ->
            place.diffId().equals(diffId) && known.failures != FileState.DURABLE
                ? new FileState(FileState.NOTHING)
                : known);
  }

  /** Says that nobody knows what a file holds, or that there is none any more. */
  synchronized void remove(Digest diffId, LayerFile file) {
    files.put(new Place(diffId, file), new FileState(FileState.NOTHING));
  }

  synchronized void removeAll(Digest diffId) {
    files.keySet().removeIf(place -> place.diffId().equals(diffId));
  }
}
