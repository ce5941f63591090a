package io.gatun.snapshot.state;

import io.gatun.snapshot.SnapshotException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Who works on which name at the moment.
 *
 * <p>A request claims every name whose record it may change exclusively, and the name that must
 * stay as it is (the parent of a snapshot in the making) shared. Requests for different names never
 * wait for each other. Names are taken in their natural order, so that no two requests can wait for
 * one another. Waiting cannot be interrupted: whoever holds a claim gives it back.
 */
public final class NameClaims {

  private enum Mode {
    SHARED,
    EXCLUSIVE
  }

  private static final class Holders {
    private int shared;
    private boolean exclusive;
    private int waiting;

    boolean isIdle() {
      return shared == 0 && !exclusive && waiting == 0;
    }
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition released = lock.newCondition();
  private final Map<String, Holders> held = new HashMap<>();

  /**
   * Waits until the names are free and claims them.
   *
   * @param exclusive names whose records may change
   * @param shared a name that must stay as it is; the empty string stands for none
   */
  public Claim claim(List<String> exclusive, String shared) {
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
    return new Claim(this, wanted);
  }

  /**
   * Claims a name in order to remove it. Waits for a request that changes the record, since that is
   * brief, but not for one that makes a snapshot on top of it, which may be copying a whole tree.
   *
   * @throws SnapshotException.FailedPrecondition if a snapshot is being made on top of it
   */
  public Claim claimForRemoval(String name) {
    lock.lock();
    try {
      Holders holders = held.computeIfAbsent(name, _ -> new Holders());
      await(holders, () -> holders.exclusive);
      if (holders.shared > 0) {
        throw new SnapshotException.FailedPrecondition(
            "cannot remove snapshot %s now: another one is being made on top of it"
                .formatted(name));
      }
      holders.exclusive = true;
    } finally {
      lock.unlock();
    }
    return new Claim(this, new TreeMap<>(Map.of(name, Mode.EXCLUSIVE)));
  }

  private void acquire(String name, Mode mode) {
    Holders holders = held.computeIfAbsent(name, _ -> new Holders());
    switch (mode) {
      case SHARED -> {
        await(holders, () -> holders.exclusive);
        holders.shared++;
      }
      case EXCLUSIVE -> {
        await(holders, () -> holders.exclusive || holders.shared > 0);
        holders.exclusive = true;
      }
    }
  }

  private interface Obstacle {
    boolean persists();
  }

  private void await(Holders holders, Obstacle obstacle) {
    holders.waiting++;
    while (obstacle.persists()) {
      released.awaitUninterruptibly();
    }
    holders.waiting--;
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
        (_, holders) -> {
          switch (mode) {
            case SHARED -> holders.shared--;
            case EXCLUSIVE -> holders.exclusive = false;
          }
          return holders.isIdle() ? null : holders;
        });
  }

  /** Names that one request works on, until it is closed. */
  public static final class Claim implements AutoCloseable {
    private final NameClaims claims;
    private final SortedMap<String, Mode> taken;

    private Claim(NameClaims claims, SortedMap<String, Mode> taken) {
      this.claims = claims;
      this.taken = taken;
    }

    @Override
    public void close() {
      claims.release(taken);
    }
  }
}
