package io.gatun.snapshot.filetree;

import io.gatun.linux.Fd;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The descriptors of directories that one walk keeps open between uses, of which there are only so
 * many, however deep and wide the tree is. Closing this closes what is left of them, after a
 * failure for example.
 */
public final class TreeDescriptors implements AutoCloseable {

  /**
   * Enough for every directory on the way to several deep ones, and few beside the limit of a
   * process.
   */
  static final int LIMIT = 512;

  private final AtomicInteger free;
  private final Set<Fd> open = ConcurrentHashMap.newKeySet();

  public TreeDescriptors() {
    this(LIMIT);
  }

  TreeDescriptors(int limit) {
    this.free = new AtomicInteger(limit);
  }

  /**
   * {@return whether a directory that was just opened may stay open; otherwise it is closed after
   * use}
   */
  boolean opened(Fd directory) {
    open.add(directory);
    if (free.decrementAndGet() < 0) {
      free.incrementAndGet();
      return false;
    }
    return true;
  }

  /** Closes a directory. */
  void close(Fd directory, boolean mayStayOpen) {
    open.remove(directory);
    directory.close();
    if (mayStayOpen) {
      free.incrementAndGet();
    }
  }

  @Override
  public void close() {
    for (Fd directory : open) {
      directory.close();
    }
    open.clear();
  }
}
