package io.gatun.snapshot.concurrent;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;

/**
 * A lock for each key. Locks of different keys are independent, and a lock that is neither held nor
 * waited for uses no memory. Waiting cannot be interrupted; locks are not reentrant.
 *
 * @param <K> the key type, compared by equality
 */
public final class KeyedLock<K> {

  private static final class Turn {
    private final Semaphore free = new Semaphore(1);
    private int users;
  }

  private final Map<K, Turn> turns = new HashMap<>();

  public interface Held extends AutoCloseable {
    @Override
    void close();
  }

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

  /** {@return the number of locks held or waited for} */
  synchronized int size() {
    return turns.size();
  }
}
