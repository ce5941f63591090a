package io.gatun.snapshot.fault;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.root.Disk;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/**
 * A disk that counts its effects, and fails at the one that it is told to.
 *
 * <p>A fault is planned by the number of the effect, counted from then on, or for all effects of
 * some sort until {@link #heal}. {@link #fired} says which effect it hit, so that no test passes
 * because its fault never came. One effect is done at a time.
 */
public final class FaultyDisk implements Disk {

  private final PageCache cache;
  private long effects;
  private long faultAt = Long.MAX_VALUE;
  private @Nullable Fault fault;
  private BiPredicate<Effect, LinuxPath> broken = (_, _) -> false;
  private @Nullable Errno brokenErrno;
  private @Nullable Errno pendingErrno;
  private @Nullable String fired;
  private boolean isStopped;

  public FaultyDisk(PageCache cache) {
    this.cache = cache;
  }

  /** {@return how many effects were asked for so far} */
  public synchronized long effects() {
    return effects;
  }

  /**
   * Plans a fault in place of any earlier plan.
   *
   * @param nth 1 for the next effect
   */
  public synchronized void planFault(long nth, Fault planned) {
    heal();
    fault = planned;
    faultAt = effects + nth;
    fired = null;
  }

  /** Lets all effects of some sort fail from now on. */
  public synchronized void breakDown(BiPredicate<Effect, LinuxPath> which, Errno errno) {
    heal();
    broken = which;
    brokenErrno = errno;
    fired = null;
  }

  /** Forgets the plan; the machine stays stopped if it is. */
  public synchronized void heal() {
    fault = null;
    faultAt = Long.MAX_VALUE;
    broken = (_, _) -> false;
    pendingErrno = null;
  }

  /** Stops the machine now. */
  public synchronized void stop() {
    isStopped = true;
  }

  /** {@return whether the machine stands still} */
  public synchronized boolean isStopped() {
    return isStopped;
  }

  /** {@return the effect that the fault hit last, if it has} */
  public synchronized Optional<String> fired() {
    return Optional.ofNullable(fired);
  }

  @FunctionalInterface
  private interface Action {
    void run() throws ErrnoException;
  }

  private void perform(Effect effect, LinuxPath path, Action action) throws ErrnoException {
    requireRunning(effect, path);
    Fault due = due(effect, path);
    if (due == null) {
      action.run();
      return;
    }
    switch (due) {
      case Fault.Failure(Errno errno) -> throw failure(effect, errno, path);
      case Fault.PartialWrite(Errno errno) -> throw failure(effect, errno, path);
      case Fault.Stop _, Fault.TornStop _ -> throw stopped(effect, path);
    }
  }

  /** {@return the fault that this effect meets} */
  private @Nullable Fault due(Effect effect, LinuxPath path) {
    effects++;
    if (pendingErrno != null && effect == Effect.WRITE) {
      Fault rest = new Fault.Failure(pendingErrno);
      pendingErrno = null;
      return rest;
    }
    if (brokenErrno != null && broken.test(effect, path)) {
      fired = "%s of %s".formatted(effect, path);
      return new Fault.Failure(brokenErrno);
    }
    if (effects != faultAt) {
      return null;
    }
    fired = "effect %d, %s of %s".formatted(effects, effect, path);
    return fault;
  }

  private void requireRunning(Effect effect, LinuxPath path) {
    if (isStopped) {
      throw new MachineStoppedException("%s of %s or before".formatted(effect, path));
    }
  }

  private MachineStoppedException stopped(Effect effect, LinuxPath path) {
    isStopped = true;
    return new MachineStoppedException("%s of %s".formatted(effect, path));
  }

  private static ErrnoException failure(Effect effect, Errno errno, LinuxPath path) {
    return new ErrnoException(effect.call(), errno, path);
  }

  // Names.

  @Override
  public synchronized void createDirectory(Fd parent, LinuxPath name, int mode)
      throws ErrnoException {
    perform(
        Effect.CREATE_DIRECTORY,
        below(parent, name),
        () -> cache.createDirectory(parent, name, mode));
  }

  @Override
  public synchronized Fd createFile(Fd parent, LinuxPath name, int mode) throws ErrnoException {
    Fd[] created = new Fd[1];
    perform(
        Effect.CREATE_FILE,
        below(parent, name),
        () -> created[0] = cache.createFile(parent, name, mode));
    return created[0];
  }

  @Override
  public synchronized Fd createNamelessFile(Fd directory, int mode) throws ErrnoException {
    Fd[] created = new Fd[1];
    perform(
        Effect.CREATE_NAMELESS_FILE,
        directory.path(),
        () -> created[0] = cache.createNamelessFile(directory, mode));
    return created[0];
  }

  @Override
  public synchronized void createSymbolicLink(LinuxPath target, Fd parent, LinuxPath name)
      throws ErrnoException {
    perform(
        Effect.CREATE_SYMBOLIC_LINK,
        below(parent, name),
        () -> cache.createSymbolicLink(target, parent, name));
  }

  @Override
  public synchronized void createHardLink(Fd fromParent, LinuxPath from, Fd parent, LinuxPath name)
      throws ErrnoException {
    perform(
        Effect.CREATE_HARD_LINK,
        below(parent, name),
        () -> cache.createHardLink(fromParent, from, parent, name));
  }

  @Override
  public synchronized void createNode(
      Fd parent, LinuxPath name, NodeType type, int mode, int major, int minor)
      throws ErrnoException {
    perform(
        Effect.CREATE_NODE,
        below(parent, name),
        () -> cache.createNode(parent, name, type, mode, major, minor));
  }

  @Override
  public synchronized void removeFile(Fd parent, LinuxPath name) throws ErrnoException {
    perform(Effect.REMOVE_FILE, below(parent, name), () -> cache.removeFile(parent, name));
  }

  @Override
  public synchronized void removeDirectory(Fd parent, LinuxPath name) throws ErrnoException {
    perform(
        Effect.REMOVE_DIRECTORY, below(parent, name), () -> cache.removeDirectory(parent, name));
  }

  @Override
  public synchronized void rename(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to)
      throws ErrnoException {
    perform(Effect.RENAME, below(toParent, to), () -> cache.rename(fromParent, from, toParent, to));
  }

  @Override
  public synchronized void replace(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to)
      throws ErrnoException {
    perform(
        Effect.REPLACE, below(toParent, to), () -> cache.replace(fromParent, from, toParent, to));
  }

  @Override
  public synchronized void exchange(Fd oneParent, LinuxPath one, Fd otherParent, LinuxPath other)
      throws ErrnoException {
    perform(
        Effect.EXCHANGE,
        below(otherParent, other),
        () -> cache.exchange(oneParent, one, otherParent, other));
  }

  // Attributes.

  @Override
  public synchronized void setOwner(Fd parent, LinuxPath name, int uid, int gid)
      throws ErrnoException {
    perform(Effect.SET_OWNER, below(parent, name), () -> cache.setOwner(parent, name, uid, gid));
  }

  @Override
  public synchronized void setOwner(Fd file, int uid, int gid) throws ErrnoException {
    perform(Effect.SET_OWNER, file.path(), () -> cache.setOwner(file, uid, gid));
  }

  @Override
  public synchronized void setMode(Fd parent, LinuxPath name, int mode) throws ErrnoException {
    perform(Effect.SET_MODE, below(parent, name), () -> cache.setMode(parent, name, mode));
  }

  @Override
  public synchronized void setMode(Fd file, int mode) throws ErrnoException {
    perform(Effect.SET_MODE, file.path(), () -> cache.setMode(file, mode));
  }

  @Override
  public synchronized void setTimes(Fd parent, LinuxPath name, Timespec accessed, Timespec modified)
      throws ErrnoException {
    perform(
        Effect.SET_TIMES,
        below(parent, name),
        () -> cache.setTimes(parent, name, accessed, modified));
  }

  @Override
  public synchronized void setTimes(Fd file, Timespec accessed, Timespec modified)
      throws ErrnoException {
    perform(Effect.SET_TIMES, file.path(), () -> cache.setTimes(file, accessed, modified));
  }

  @Override
  public synchronized void setXattr(Fd parent, LinuxPath name, LinuxPath attribute, byte[] value)
      throws ErrnoException {
    perform(
        Effect.SET_XATTR,
        below(parent, name),
        () -> cache.setXattr(parent, name, attribute, value));
  }

  @Override
  public synchronized void setXattr(Fd file, LinuxPath attribute, byte[] value)
      throws ErrnoException {
    perform(Effect.SET_XATTR, file.path(), () -> cache.setXattr(file, attribute, value));
  }

  @Override
  public synchronized void removeXattr(Fd file, LinuxPath attribute) throws ErrnoException {
    perform(Effect.REMOVE_XATTR, file.path(), () -> cache.removeXattr(file, attribute));
  }

  @Override
  public synchronized void addInodeFlags(Fd file, Set<InodeFlag> flags) throws ErrnoException {
    perform(Effect.CHANGE_INODE_FLAGS, file.path(), () -> cache.addInodeFlags(file, flags));
  }

  @Override
  public synchronized void removeInodeFlags(Fd file, Set<InodeFlag> flags) throws ErrnoException {
    perform(Effect.CHANGE_INODE_FLAGS, file.path(), () -> cache.removeInodeFlags(file, flags));
  }

  @Override
  public synchronized void enableVerity(Fd file) throws ErrnoException {
    perform(Effect.ENABLE_VERITY, file.path(), () -> cache.enableVerity(file));
  }

  // Content.

  @Override
  public synchronized int write(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
    requireRunning(Effect.WRITE, file.path());
    Fault due = due(Effect.WRITE, file.path());
    if (due == null) {
      return cache.write(file, buffer, offset);
    }
    int half = buffer.remaining() / 2;
    return switch (due) {
      case Fault.Failure(Errno errno) -> throw failure(Effect.WRITE, errno, file.path());
      case Fault.PartialWrite(Errno errno) -> {
        if (half == 0) {
          throw failure(Effect.WRITE, errno, file.path());
        }
        pendingErrno = errno;
        yield writeSome(file, buffer, offset, half);
      }
      case Fault.Stop _ -> throw stopped(Effect.WRITE, file.path());
      case Fault.TornStop _ -> {
        if (half > 0) {
          writeSome(file, buffer, offset, half);
        }
        throw stopped(Effect.WRITE, file.path());
      }
    };
  }

  private int writeSome(Fd file, ByteBuffer buffer, long offset, int length) throws ErrnoException {
    int limit = buffer.limit();
    buffer.limit(buffer.position() + length);
    try {
      return cache.write(file, buffer, offset);
    } finally {
      buffer.limit(limit);
    }
  }

  @Override
  public synchronized long copyRange(
      Fd source, long sourceOffset, Fd target, long targetOffset, long length)
      throws ErrnoException {
    long[] copied = new long[1];
    perform(
        Effect.COPY_RANGE,
        target.path(),
        () -> copied[0] = cache.copyRange(source, sourceOffset, target, targetOffset, length));
    return copied[0];
  }

  @Override
  public synchronized void cloneFile(Fd source, Fd target) throws ErrnoException {
    perform(Effect.CLONE_FILE, target.path(), () -> cache.cloneFile(source, target));
  }

  @Override
  public synchronized void truncate(Fd file, long sizeBytes) throws ErrnoException {
    perform(Effect.TRUNCATE, file.path(), () -> cache.truncate(file, sizeBytes));
  }

  @Override
  public synchronized void allocate(Fd file, long offset, long length) throws ErrnoException {
    perform(Effect.ALLOCATE, file.path(), () -> cache.allocate(file, offset, length));
  }

  // Durability. What a sync that fails was to write is gone, though it can still be read.

  @Override
  public synchronized void startWriteback(Fd file, long offset, long length) throws ErrnoException {
    perform(Effect.START_WRITEBACK, file.path(), () -> cache.startWriteback(file, offset, length));
  }

  @Override
  public synchronized void sync(Fd file) throws ErrnoException {
    try {
      perform(Effect.SYNC, file.path(), () -> cache.sync(file));
    } catch (ErrnoException e) {
      cache.loseUnsynced(file);
      throw e;
    }
  }

  @Override
  public synchronized void syncData(Fd file) throws ErrnoException {
    try {
      perform(Effect.SYNC_DATA, file.path(), () -> cache.syncData(file));
    } catch (ErrnoException e) {
      cache.loseUnsynced(file);
      throw e;
    }
  }

  @Override
  public synchronized void syncFilesystem(Fd any) throws ErrnoException {
    try {
      perform(Effect.SYNC_FILESYSTEM, any.path(), () -> cache.syncFilesystem(any));
    } catch (ErrnoException e) {
      cache.loseUnsynced();
      throw e;
    }
  }

  private static LinuxPath below(Fd parent, LinuxPath name) {
    return parent.path().resolve(name);
  }
}
