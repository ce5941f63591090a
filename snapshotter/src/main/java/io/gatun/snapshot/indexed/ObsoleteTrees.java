package io.gatun.snapshot.indexed;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.OpenTreeFlag;
import io.gatun.snapshot.mount.MountUsers;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the trees of layers that have another form now, until no container runs on them any more:
 *
 * <pre>
 *   superseded/ID-N      what was snapshots/ID/fs; N counts from 1
 * </pre>
 *
 * <p>These trees have no record, and are garbage as soon as they are unused. No use survives a
 * restart of the machine, so nothing here has to be durable. An overlay that is mounted after a
 * tree was moved finds the new form under the same path. Therefore only overlays that still exist
 * {@code SETTLING_MILLIS} after the move count as users; by then, any mount that was already in
 * progress has finished.
 */
public final class ObsoleteTrees implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(ObsoleteTrees.class);

  /** From the move of a tree until its users can be known. */
  static final long SETTLING_MILLIS = 10_000;

  /**
   * From the move of a tree until its first look. One look then serves trees that are moved shortly
   * after one another.
   */
  static final long FIRST_LOOK_MILLIS = SETTLING_MILLIS + 1_000;

  /** Between looks, once the users of each tree are known. */
  static final long LOOK_MILLIS = 60_000;

  /** Finds the users of layers' files. */
  @FunctionalInterface
  public interface Search {
    MountUsers run() throws ErrnoException;
  }

  private final Disk disk;
  private final Root root;
  private final Search search;
  private final Consumer<LinuxPath> trash;
  private final LongSupplier nanoTime;
  private final ScheduledThreadPoolExecutor later;
  private final Map<LinuxPath, Tree> trees = new HashMap<>();

  /** The look that is scheduled or running, if there is one. */
  private @Nullable ScheduledFuture<?> next;

  /** When the last look began, in nanoseconds. */
  private long lastLook;

  /** Counts from the time of the start, so that no name equals one that an earlier daemon left. */
  private long deletions = System.currentTimeMillis();

  /**
   * A tree that waits for its deletion.
   *
   * @param id the id of the snapshot that had it
   * @param since the time of its move, in nanoseconds
   * @param users the overlays that have existed since the first look; null before that
   */
  private record Tree(long id, long since, @Nullable Set<MountUsers.Overlay> users) {}

  /**
   * @param trash gets the names of trash entries to delete
   * @param nanoTime a clock like {@link System#nanoTime}
   */
  public ObsoleteTrees(
      Disk disk, Root root, Search search, Consumer<LinuxPath> trash, LongSupplier nanoTime) {
    this.disk = disk;
    this.root = root;
    this.search = search;
    this.trash = trash;
    this.nanoTime = nanoTime;
    this.lastLook = nanoTime.getAsLong();
    this.later =
        new ScheduledThreadPoolExecutor(
            1, task -> Thread.ofPlatform().daemon().name("gatun-superseded").unstarted(task));
    later.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    later.setRemoveOnCancelPolicy(true);
  }

  /** Finds the trees that an earlier daemon left, and begins to look for their users. */
  public synchronized void start() throws ErrnoException {
    for (LinuxPath name : root.supersededNames()) {
      String text = name.toString();
      int end = text.indexOf('-');
      long id = end < 0 ? Root.NO_SNAPSHOT : Root.snapshotId(LinuxPath.of(text.substring(0, end)));
      if (id != Root.NO_SNAPSHOT) {
        add(name, id);
      }
    }
  }

  // Adding trees.

  /**
   * Moves the tree of a layer to {@code superseded/}.
   *
   * @param directory the snapshot's directory, which has the tree; opened before it was mounted on
   */
  void setAside(long id, Fd directory) throws ErrnoException {
    setAside(id, directory, root.createSuperseded());
  }

  /**
   * Puts a tree durably in the place of a layer's files, beneath any mount on the snapshot's
   * directory. Existing files are moved to {@code superseded/}.
   *
   * <p>The move goes through a clone of the root's mount that has no submounts, see {@code
   * open_tree(2)}, because rename(2) fails across mounts.
   *
   * @param staged the name in {@code trash/} of a directory that has the tree as its {@code fs}
   */
  public void place(long id, LinuxPath staged) throws ErrnoException {
    root.createSuperseded();
    try (Fd bare =
            Mounts.openTree(
                root.directory(), LinuxPath.EMPTY, OpenTreeFlag.CLONE, OpenTreeFlag.EMPTY_PATH);
        Fd from = root.openDirectory(bare, Root.TRASH.resolve(staged));
        Fd into = root.openDirectory(bare, Root.SNAPSHOTS.resolve(Root.snapshotName(id)));
        Fd superseded = root.openDirectory(bare, Root.SUPERSEDED)) {
      if (Stat.tryStatx(into, Root.FILES, AtFlag.SYMLINK_NOFOLLOW).isPresent()) {
        setAside(id, into, superseded);
      }
      disk.rename(from, Root.FILES, into, Root.FILES);
      disk.sync(into);
    }
  }

  private synchronized void setAside(long id, Fd directory, Fd superseded) throws ErrnoException {
    LinuxPath name;
    int number = 0;
    do {
      name = LinuxPath.of(id + "-" + ++number);
    } while (!isMoved(directory, Root.FILES, superseded, name));
    add(name, id);
    log.info("tree is obsolete name={}", name);
  }

  /** {@return whether the name was free} */
  private boolean isMoved(Fd from, LinuxPath name, Fd into, LinuxPath newName)
      throws ErrnoException {
    try {
      disk.rename(from, name, into, newName);
      return true;
    } catch (ErrnoException e) {
      if (e.is(Errno.EEXIST)) {
        return false;
      }
      throw e;
    }
  }

  private synchronized void add(LinuxPath name, long id) {
    trees.put(name, new Tree(id, nanoTime.getAsLong(), null));
    plan();
  }

  // Deleting trees.

  private synchronized void plan() {
    if (next != null) {
      next.cancel(false);
    }
    OptionalLong delay = untilNextLookNanos();
    if (delay.isPresent() && !later.isShutdown()) {
      next = later.schedule(this::tryLook, delay.getAsLong(), TimeUnit.NANOSECONDS);
    }
  }

  /**
   * {@return the time until the next look, in nanoseconds, if there is a tree} Each tree has its
   * first look as early as possible, because an overlay that is mounted on the new form before that
   * look counts as a user.
   */
  synchronized OptionalLong untilNextLookNanos() {
    long now = nanoTime.getAsLong();
    return trees.values().stream().mapToLong(tree -> nextLook(tree) - now).min();
  }

  private long nextLook(Tree tree) {
    long first = tree.since() + TimeUnit.MILLISECONDS.toNanos(FIRST_LOOK_MILLIS);
    // A tree whose first look has failed waits like those that have had theirs.
    return tree.users() == null && first - lastLook > 0
        ? first
        : lastLook + TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS);
  }

  private void tryLook() {
    try {
      look();
    } catch (ErrnoException e) {
      log.warn("cannot find the users of obsolete trees error=\"{}\"", e.getMessage());
    } catch (RuntimeException e) {
      // A bug, which the executor would not report.
      log.error("cannot find the users of obsolete trees", e);
    }
    plan();
  }

  /** Deletes the trees that are not used any more. */
  void look() throws ErrnoException {
    Map<LinuxPath, Tree> settled = beginLook();
    if (settled.isEmpty()) {
      return;
    }
    MountUsers users = search.run();
    for (Map.Entry<LinuxPath, Tree> each : settled.entrySet()) {
      LinuxPath name = each.getKey();
      Tree tree = each.getValue();
      @Nullable Set<MountUsers.Overlay> before = tree.users();
      Set<MountUsers.Overlay> left = new HashSet<>(users.overlaysOn(tree.id()));
      if (before != null) {
        left.retainAll(before);
      }
      if (left.isEmpty() && !users.isOpen(Root.SUPERSEDED.resolve(name))) {
        delete(name);
      } else {
        keep(name, new Tree(tree.id(), tree.since(), left));
      }
    }
  }

  /** {@return the trees whose users can be known now, by their names} */
  private synchronized Map<LinuxPath, Tree> beginLook() {
    long now = nanoTime.getAsLong();
    lastLook = now;
    Map<LinuxPath, Tree> settled = new HashMap<>(trees);
    settled
        .values()
        .removeIf(tree -> now - tree.since() < TimeUnit.MILLISECONDS.toNanos(SETTLING_MILLIS));
    return settled;
  }

  private synchronized void keep(LinuxPath name, Tree tree) {
    trees.put(name, tree);
  }

  private synchronized void delete(LinuxPath name) throws ErrnoException {
    LinuxPath target;
    do {
      target = LinuxPath.of(name + "." + ++deletions);
    } while (!isMoved(root.createSuperseded(), name, root.trash(), target));
    trees.remove(name);
    trash.accept(target);
    log.info("obsolete tree is not used any more name={}", name);
  }

  /** Leaves all trees in place. */
  @Override
  public void close() {
    later.close();
  }
}
