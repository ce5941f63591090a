package io.gatun.snapshot.indexed;

import io.gatun.linux.AtFlag;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Mounts;
import io.gatun.linux.OpenTreeFlag;
import io.gatun.linux.Stat;
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
 * The trees of layers that have another form now. Containers may run on them, so they are kept out
 * of the way until nobody uses them any more:
 *
 * <pre>
 *   superseded/ID-N      what was snapshots/ID/fs; N counts from 1
 * </pre>
 *
 * <p>What is there has no record, and is garbage as soon as nobody uses it: so a start of the
 * machine ends it, and nothing has to be durable. An overlay that is mounted from then on has the
 * same path as its layer and uses the new form. So those count that are there when a tree has been
 * out of the way for a moment, in which a mount that had found its layers before comes to its end.
 */
public final class ObsoleteTrees implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(ObsoleteTrees.class);

  /** Until it is known who uses a tree. */
  static final long SETTLING_MILLIS = 10_000;

  /** Until its users are looked for; so that one look is enough for those that come soon after. */
  static final long FIRST_LOOK_MILLIS = SETTLING_MILLIS + 1_000;

  /** Between looks, once it is known who uses each tree. */
  static final long LOOK_MILLIS = 60_000;

  /** Finds out who uses the files of layers. */
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

  /** The look that is to come, or under way, if any. */
  private @Nullable ScheduledFuture<?> next;

  /** When the last look began, in nanoseconds. */
  private long lastLook;

  /** Counts on from the time of the start, so that no name is one that an earlier daemon left. */
  private long deletions = System.currentTimeMillis();

  /**
   * One that is waiting.
   *
   * @param id of the snapshot that had it
   * @param since when it has been out of the way, in nanoseconds
   * @param users the overlays that were there at the first look and are still, once there was one
   */
  private record Tree(long id, long since, @Nullable Set<MountUsers.Overlay> users) {}

  /**
   * @param trash is told the name of what is in the trash and to be deleted
   * @param nanoTime as {@link System#nanoTime}
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

  /** Finds what a daemon before this one has left, and begins to look for its users. */
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

  // Trees that come.

  /**
   * Takes the files of a layer out of the way.
   *
   * @param directory of the snapshot, in which they are still; it was opened before something was
   *     mounted on it
   */
  void setAside(long id, Fd directory) throws ErrnoException {
    setAside(id, directory, root.createSuperseded());
  }

  /**
   * Puts a tree, durably, in the place of a layer's files, beneath whatever is mounted on the
   * snapshot's directory. If there are files, they are taken out of the way.
   *
   * <p>For that the filesystem of the root is looked at through a mount of its own, in which
   * nothing is mounted, {@code open_tree(2)}: rename(2) does not reach from one mount into another.
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

  // Trees that go.

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
   * {@return how long it is until users are looked for, if there is any tree} Each tree has its
   * first look as soon as it may have: who mounts the new form before that counts as its user.
   */
  synchronized OptionalLong untilNextLookNanos() {
    long now = nanoTime.getAsLong();
    return trees.values().stream().mapToLong(tree -> nextLook(tree) - now).min();
  }

  private long nextLook(Tree tree) {
    long first = tree.since() + TimeUnit.MILLISECONDS.toNanos(FIRST_LOOK_MILLIS);
    // One whose first look has failed waits as those do that have had theirs.
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
      // A bug, which nobody would hear of.
      log.error("cannot find the users of obsolete trees", e);
    }
    plan();
  }

  /** Has those deleted that nobody uses any more. */
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

  /** Leaves all as they are. */
  @Override
  public void close() {
    later.close();
  }
}
