package io.gatun.snapshot.state;

import io.gatun.snapshot.SnapshotException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * Locks on the names of snapshots.
 *
 * <p>A request locks every name whose record it may change exclusively, and a name that must not
 * change (the parent of a new snapshot) shared. Requests for different names never wait for each
 * other. Names are locked in their natural order, so that requests cannot deadlock. Waiting cannot
 * be interrupted: every holder releases its lock.
 */
public final class NameLocks {

  private enum Mode {
    SHARED,
    EXCLUSIVE
  }

  private static final class Owners {
    private int shared;
    private boolean exclusive;
    private int waiting;

    boolean isIdle() {
      return shared == 0 && !exclusive && waiting == 0;
    }
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition released = lock.newCondition();
  private final Map<String, Owners> held = new HashMap<>();

  /**
   * Waits until the names are free and locks them.
   *
   * @param exclusive names whose records may change
   * @param shared a name that must not change; empty for none
   */
  public NameLock lock(List<String> exclusive, String shared) {
    SortedMap<String, Mode> wanted = new TreeMap<>();
    if (!shared.isEmpty()) {
      wanted.put(shared, Mode.SHARED);
    }
    exclusive.forEach(name -> wanted.put(name, Mode.EXCLUSIVE));
    lock.lock();
    try {
      wanted.forEach(this::acquire);
    } finally {
      lock.unlock();
    }
    return new NameLock(this, wanted);
  }

  /**
   * Locks a name in order to remove its snapshot. Waits for a request that changes the record,
   * which is brief, but not for one that creates a snapshot on top of it, which may be copying a
   * whole tree.
   *
   * @throws SnapshotException.FailedPrecondition if a snapshot is being created on top of it
   */
  public NameLock lockForRemoval(String name) {
    lock.lock();
    try {
      Owners owners = held.computeIfAbsent(name, _ -> new Owners());
      await(owners, () -> owners.exclusive);
      if (owners.shared > 0) {
        throw new SnapshotException.FailedPrecondition(
            "cannot remove snapshot %s now: another one is being made on top of it"
                .formatted(name));
      }
      owners.exclusive = true;
    } finally {
      lock.unlock();
    }
    return new NameLock(this, new TreeMap<>(Map.of(name, Mode.EXCLUSIVE)));
  }

  private void acquire(String name, Mode mode) {
    Owners owners = held.computeIfAbsent(name, _ -> new Owners());
    switch (mode) {
      case SHARED -> {
        await(owners, () -> owners.exclusive);
        owners.shared++;
      }
      case EXCLUSIVE -> {
        await(owners, () -> owners.exclusive || owners.shared > 0);
        owners.exclusive = true;
      }
    }
  }

  private void await(Owners owners, BooleanSupplier isBlocked) {
    owners.waiting++;
    while (isBlocked.getAsBoolean()) {
      released.awaitUninterruptibly();
    }
    owners.waiting--;
  }

  private void release(SortedMap<String, Mode> taken) {
    lock.lock();
    try {
      taken.forEach(this::release);
      released.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void release(String name, Mode mode) {
    held.computeIfPresent(
        name,
        (_, owners) -> {
          switch (mode) {
            case SHARED -> owners.shared--;
            case EXCLUSIVE -> owners.exclusive = false;
          }
          return owners.isIdle() ? null : owners;
        });
  }

  /** The names that one request has locked. Closing releases them. */
  public static final class NameLock implements AutoCloseable {
    private final NameLocks nameLocks;
    private final SortedMap<String, Mode> taken;

    private NameLock(NameLocks nameLocks, SortedMap<String, Mode> taken) {
      this.nameLocks = nameLocks;
      this.taken = taken;
    }

    @Override
    public void close() {
      nameLocks.release(taken);
    }
  }
}
