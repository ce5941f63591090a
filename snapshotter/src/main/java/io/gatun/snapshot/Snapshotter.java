package io.gatun.snapshot;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The snapshots of one root, in the terms of containerd's Snapshots service.
 *
 * <p>A layer is created in three steps: {@link #prepare} creates an active snapshot on a parent and
 * returns the mounts through which the caller writes it; the caller writes; {@link #commit} makes
 * it immutable under a name and frees its key. Unpacking an image of three layers is
 *
 * <pre>
 *   prepare("a", "")   -> write layer 1 -> commit("sha256:1", "a")
 *   prepare("b", "sha256:1")   -> write layer 2 -> commit("sha256:2", "b")
 *   prepare("c", "sha256:2")   -> write layer 3 -> commit("sha256:3", "c")
 * </pre>
 *
 * and a container is an active snapshot on {@code sha256:3} that is removed instead of committed.
 * {@link #view} gives read-only access to a committed snapshot without a writable layer.
 *
 * <p>When a method that changes state returns, the change is durable. Every method may throw each
 * {@link SnapshotException}; listed below are those that the request itself can cause.
 * Implementations are thread-safe.
 */
public interface Snapshotter {

  /**
   * Creates an active snapshot on top of a committed one.
   *
   * @param key the unused name of the new snapshot
   * @param parent a committed snapshot, or the empty string for an empty base
   * @return the mounts for writing the snapshot
   * @throws SnapshotException.NotFound if there is no such parent
   * @throws SnapshotException.InvalidArgument if the parent is not committed, or key or labels are
   *     malformed
   * @throws SnapshotException.AlreadyExists if the key is taken, which is checked after the parent;
   *     or if a committed snapshot has, or now gets, the layer that the labels request, so that
   *     nothing has to be unpacked: {@link #list} finds it by the label {@code
   *     containerd.io/snapshot.ref} and the parent
   */
  List<Mount> prepare(String key, String parent, Map<String, String> labels);

  /**
   * Creates a read-only snapshot of a committed one, with the arguments and errors of {@link
   * #prepare}.
   */
  List<Mount> view(String key, String parent, Map<String, String> labels);

  /**
   * {@return the mounts of an active or view snapshot}
   *
   * @throws SnapshotException.NotFound if there is no such key
   * @throws SnapshotException.FailedPrecondition if the snapshot is committed
   */
  List<Mount> mounts(String key);

  /**
   * {@return the result of {@link #mounts} if it is available from memory without waiting}
   *
   * @throws SnapshotException like {@link #mounts}
   */
  default Optional<List<Mount>> tryMountsWithoutIo(String key) {
    return Optional.empty();
  }

  /**
   * Makes an active snapshot immutable under a name. Its key is freed, and its labels are replaced.
   *
   * @param parent a parent for a parentless snapshot ("rebase"), or empty to leave it unchanged
   * @throws SnapshotException.AlreadyExists if the name is taken; checked first
   * @throws SnapshotException.NotFound if there is no such key, or no such parent
   * @throws SnapshotException.FailedPrecondition if the snapshot is not active, or the new parent
   *     is not committed
   * @throws SnapshotException.InvalidArgument if the snapshot already has another parent
   * @throws SnapshotException.Unsupported if it has none, and the driver cannot add one any more
   */
  void commit(String name, String key, String parent, Map<String, String> labels);

  /**
   * Removes a snapshot. Its files are deleted later, in the background.
   *
   * @throws SnapshotException.NotFound if there is no such snapshot
   * @throws SnapshotException.FailedPrecondition if it has children, or cannot be removed now
   */
  void remove(String key);

  /**
   * {@return the description of a snapshot}
   *
   * @throws SnapshotException.NotFound if there is no such snapshot
   */
  SnapshotInfo stat(String key);

  /**
   * Changes labels; nothing else of a snapshot can be changed.
   *
   * @param fieldPaths {@code labels} to replace all labels, {@code labels.<key>} to set one, or to
   *     delete it if {@code labels} lacks it; empty to replace all
   * @return the updated snapshot
   * @throws SnapshotException.NotFound if there is no such snapshot
   * @throws SnapshotException.InvalidArgument for any other field path
   */
  SnapshotInfo update(String name, Map<String, String> labels, List<String> fieldPaths);

  /**
   * Visits every snapshot that matches one of the filters, or all if there are none, in no
   * particular order. No lock is held while the visitor runs, so it may call back.
   *
   * @throws SnapshotException.InvalidArgument if a filter is malformed; nothing is visited then
   */
  void list(List<String> filters, Consumer<SnapshotInfo> visitor);

  /**
   * {@return the usage of a snapshot itself}
   *
   * @throws SnapshotException.NotFound if there is no such snapshot
   */
  Usage usage(String key);

  /** Deletes all files on disk that belong to no snapshot, and waits for the deletion. */
  void cleanup();
}
