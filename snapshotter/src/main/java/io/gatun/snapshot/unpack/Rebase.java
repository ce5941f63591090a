package io.gatun.snapshot.unpack;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Timespec;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.driver.ImplicitDirectories;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.lower.ImplicitDirFixup;
import io.gatun.snapshot.layer.lower.ImplicitDirectory;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.state.ActiveSnapshots;
import java.time.Instant;
import java.util.Optional;

/**
 * Puts a layer that was unpacked without its parent on that parent. The snapshot is then the same
 * as if the layer had been unpacked on top of its parent.
 *
 * <p>Rebase changes the implicit directories of the layer before the commit is recorded. After a
 * crash in between, their original attributes are lost, and only this parent fits. The symbolic
 * link {@code inherits} in the snapshot's directory therefore leads to the id of the parent.
 */
public final class Rebase {

  private static final LinuxPath MARK = LinuxPath.of("inherits");

  /** How far the filesystem's clock, which ticks, may be behind the clock that dates snapshots. */
  private static final long CLOCK_SLACK_SECONDS = 1;

  private final Disk disk;
  private final Root root;
  private final Driver driver;
  private final Durability durability;
  private final ActiveSnapshots activeSnapshots;

  public Rebase(
      Disk disk, Root root, Driver driver, Durability durability, ActiveSnapshots activeSnapshots) {
    this.disk = disk;
    this.root = root;
    this.driver = driver;
    this.durability = durability;
    this.activeSnapshots = activeSnapshots;
  }

  /**
   * Lets a layer that was unpacked without a parent inherit from the layers below it, if it has any
   * now.
   *
   * @param chain the snapshot with the parents that it gets
   * @param created when the snapshot was created
   * @param layer the state of the layer; without it, a walk finds the implicit directories, and
   *     nothing is synced
   * @return the state of the layer afterwards
   * @throws SnapshotException.FailedPrecondition if the layer has inherited from another parent
   *     before, or has too many implicit directories
   */
  public Optional<ActiveSnapshots.Layer> putOn(
      String key, Chain chain, Instant created, Optional<ActiveSnapshots.Layer> layer)
      throws ErrnoException {
    if (chain.lowers().isEmpty()) {
      requireNoOther(key, chain.id(), SnapshotRecord.NO_PARENT);
      return layer;
    }
    ImplicitDirectoryList implicit =
        (layer.isPresent()
                ? activeSnapshots.implicitDirectories(chain.id(), layer.get())
                : findImplicit(driver.target(chain), created))
            .orElseThrow(() -> tooMany(key));
    try (Fd directory = root.openDirectory(root.snapshots(), Root.snapshotName(chain.id()));
        ImplicitDirFixup inheritance =
            ImplicitDirFixup.open(disk, driver.target(chain), implicit)) {
      long parent = chain.lowers().getFirst().id();
      requireNoOther(key, directory, parent);
      if (!inheritance.isDue()) {
        return layer;
      }
      mark(directory, parent);
      long bytes =
          putOn(inheritance, layer.isPresent(), layer.isPresent() && layer.get().isDurable());
      return layer.map(known -> known.withMoreBytes(bytes));
    }
  }

  /**
   * Lets a layer inherit from its parents that was unpacked without them. Its snapshot has the
   * parents, and is still marked.
   *
   * @return the state of the layer afterwards
   */
  public ActiveSnapshots.Layer putOn(Chain chain, ActiveSnapshots.Layer layer)
      throws ErrnoException {
    // PrefetchedTree.isFor has rejected trees with too many of them.
    ImplicitDirectoryList implicit = layer.result().implicitDirectories().orElseThrow();
    try (ImplicitDirFixup inheritance =
        ImplicitDirFixup.open(disk, driver.target(chain), implicit)) {
      return inheritance.isDue()
          ? layer.withMoreBytes(putOn(inheritance, true, layer.isDurable()))
          : layer;
    }
  }

  private long putOn(ImplicitDirFixup inheritance, boolean isWithTimes, boolean isSynced)
      throws ErrnoException {
    long bytes = inheritance.run(isWithTimes);
    if (isSynced) {
      durability.syncEach(() -> inheritance.sync());
    }
    return bytes;
  }

  private void requireNoOther(String key, long id, long parent) throws ErrnoException {
    try (Fd directory = root.openDirectory(root.snapshots(), Root.snapshotName(id))) {
      requireNoOther(key, directory, parent);
    }
  }

  private static void requireNoOther(String key, Fd directory, long parent) throws ErrnoException {
    Optional<LinuxPath> marked = marked(directory);
    if (marked.isPresent() && !marked.get().equals(Root.snapshotName(parent))) {
      throw new SnapshotException.FailedPrecondition(
          ("commit %s: the snapshot was about to be put on the parent with id %s, and has inherited from it:"
                  + " remove it, and unpack the layer again")
              .formatted(key, marked.get()));
    }
  }

  private void mark(Fd directory, long parent) throws ErrnoException {
    if (marked(directory).isEmpty()) {
      disk.createSymbolicLink(Root.snapshotName(parent), directory, MARK);
      disk.sync(directory);
    }
  }

  private static Optional<LinuxPath> marked(Fd directory) throws ErrnoException {
    try {
      return Optional.of(Unistd.readlinkat(directory, MARK));
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOENT)) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private static SnapshotException tooMany(String key) {
    return new SnapshotException.FailedPrecondition(
        ("commit %s: the layer has files in more directories that it does not name than can be kept in mind until"
                + " its parent is known: unpack it on its parent")
            .formatted(key));
  }

  private static Optional<ImplicitDirectoryList> findImplicit(LayerTarget target, Instant created)
      throws ErrnoException {
    Timespec since = Timespec.of(created.minusSeconds(CLOCK_SLACK_SECONDS));
    ImplicitDirectoryList.Builder found = new ImplicitDirectoryList.Builder();
    try (Fd files =
        Fcntl.open(target.files(), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW)) {
      ImplicitDirectories.find(
          files,
          since,
          (path, isAboveImplicit) ->
              found.add(
                  path,
                  isAboveImplicit
                      ? ImplicitDirectory.Inherited.ATTRIBUTES_OR_GROUP
                      : ImplicitDirectory.Inherited.ATTRIBUTES));
    }
    return found.build();
  }
}
