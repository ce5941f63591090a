package io.gatun.snapshot;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The snapshots of one root, as containerd's Snapshots service asks for them.
 *
 * <p>A layer comes to be in three steps: {@link #prepare} makes an active snapshot on a parent and
 * answers with the mounts to write it through; the caller writes; {@link #commit} freezes it under
 * a name, and the key is free again. Unpacking an image of three layers is
 *
 * <pre>
 *   prepare("a", "")   -> write layer 1 -> commit("sha256:1", "a")
 *   prepare("b", "sha256:1")   -> write layer 2 -> commit("sha256:2", "b")
 *   prepare("c", "sha256:2")   -> write layer 3 -> commit("sha256:3", "c")
 * </pre>
 *
 * and a container is an active snapshot on {@code sha256:3} that is removed instead of committed.
 * {@link #view} gives read-only access to a committed snapshot without a writable layer of its own.
 *
 * <p>When a method that changes state returns, the change is durable. Every method may throw each
 * of {@link SnapshotException}; what is listed below is what the request itself can cause.
 * Implementations are safe for use by many threads.
 */
public interface Snapshotter {

  /**
   * Makes an active snapshot on top of a committed one.
   *
   * @param key the name of the new snapshot, unused so far
   * @param parent a committed snapshot, or the empty string for an empty base
   * @return what to mount to write the snapshot
   * @throws SnapshotException.NotFound if there is no such parent
   * @throws SnapshotException.InvalidArgument if the parent is not committed, or key or labels are
   *     malformed
   * @throws SnapshotException.AlreadyExists if the key is taken; checked after the parent. Or if
   *     there is a committed snapshot with the layer that labels say this one is for, be it from
   *     now on, and nothing has to be unpacked: {@link #list} finds it by the label {@code
   *     containerd.io/snapshot.ref} and the parent.
   */
  List<Mount> prepare(String key, String parent, Map<String, String> labels);

  /**
   * Makes a read-only snapshot of a committed one; arguments and errors are those of {@link
   * #prepare}.
   */
  List<Mount> view(String key, String parent, Map<String, String> labels);

  /**
   * {@return what to mount to use an active or view snapshot}
   *
   * @throws SnapshotException.NotFound if there is no such key
   * @throws SnapshotException.FailedPrecondition if the snapshot is committed
   */
  List<Mount> mounts(String key);

  /**
   * {@return what {@link #mounts} returns, if that is known from memory, and so without waiting for
   * anything}
   *
   * @throws SnapshotException as {@link #mounts} does
   */
  default Optional<List<Mount>> tryMountsWithoutIo(String key) {
    return Optional.empty();
  }

  /**
   * Freezes an active snapshot under a name. The key disappears; labels are replaced by those
   * given.
   *
   * @param parent the parent to put a parentless snapshot on ("rebase"), or empty to leave it where
   *     it is
   * @throws SnapshotException.AlreadyExists if the name is taken; checked first
   * @throws SnapshotException.NotFound if there is no such key, or no such parent
   * @throws SnapshotException.FailedPrecondition if the snapshot is no active one, or the new
   *     parent is not committed
   * @throws SnapshotException.InvalidArgument if the snapshot already has another parent
   * @throws SnapshotException.Unsupported if it has none, and the driver cannot put it on one any
   *     more
   */
  void commit(String name, String key, String parent, Map<String, String> labels);

  /**
   * Forgets a snapshot. Its files are deleted later, in the background.
   *
   * @throws SnapshotException.NotFound if there is no such snapshot
   * @throws SnapshotException.FailedPrecondition if it has children, or cannot be removed now
   */
  void remove(String key);

  /**
   * {@return what is known of a snapshot}
   *
   * @throws SnapshotException.NotFound if there is no such snapshot
   */
  SnapshotInfo stat(String key);

  /**
   * Changes labels; nothing else of a snapshot can be changed.
   *
   * @param fieldPaths {@code labels} to replace them all, {@code labels.<key>} to set that one, or
   *     to delete it if {@code labels} lacks it; none at all replaces them all
   * @return the snapshot as it is afterwards
   * @throws SnapshotException.NotFound if there is no such snapshot
   * @throws SnapshotException.InvalidArgument for any other field path
   */
  SnapshotInfo update(String name, Map<String, String> labels, List<String> fieldPaths);

  /**
   * Visits every snapshot that matches one of the filters, or all if there are none, in no
   * particular order. No lock is held while the visitor runs, so it may call back.
   *
   * @throws SnapshotException.InvalidArgument if a filter does not parse; nothing is visited then
   */
  void list(List<String> filters, Consumer<SnapshotInfo> visitor);

  /**
   * {@return the space that a snapshot takes by itself}
   *
   * @throws SnapshotException.NotFound if there is no such snapshot
   */
  Usage usage(String key);

  /**
   * Deletes whatever lies on disk without belonging to a snapshot, and waits until that is done.
   */
  void cleanup();
}
