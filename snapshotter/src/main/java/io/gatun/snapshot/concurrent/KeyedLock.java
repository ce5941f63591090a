package io.gatun.snapshot.concurrent;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;

/**
 * A lock for each of many keys. Who holds that of one does not keep anybody from that of another,
 * and nothing is left of a lock that nobody holds or waits for. Waiting cannot be interrupted, and
 * nobody may hold the same one twice.
 *
 * @param <K> what has a lock, by its equality
 */
public final class KeyedLock<K> {

  private static final class Turn {
    private final Semaphore free = new Semaphore(1);
    private int users;
  }

  private final Map<K, Turn> turns = new HashMap<>();

  /** A lock that is held until this is closed. */
  public interface Held extends AutoCloseable {
    @Override
    void close();
  }

  /** Waits for the lock of a key and takes it. */
  public Held hold(K key) {
    Turn turn = enter(key);
    turn.free.acquireUninterruptibly();
    return () -> {
      turn.free.release();
      leave(key, turn);
    };
  }

  private synchronized Turn enter(K key) {
    Turn turn = turns.computeIfAbsent(key, _ -> new Turn());
    turn.users++;
    return turn;
  }

  private synchronized void leave(K key, Turn turn) {
    turn.users--;
    if (turn.users == 0) {
      turns.remove(key);
    }
  }

  /** {@return how many locks are held or waited for} */
  synchronized int size() {
    return turns.size();
  }
}
