package io.gatun.snapshot.filetree;

import io.gatun.linux.Fd;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Limits the directory descriptors that one walk keeps open, however deep and wide the tree is.
 * Closing it closes the rest, for example after a failure.
 */
public final class TreeDescriptors implements AutoCloseable {

  /**
   * Enough for all directories on the way to several deep ones, and well below the limit of a
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

  /** {@return whether a newly opened directory may stay open; otherwise it is closed after use} */
  boolean opened(Fd directory) {
    open.add(directory);
    if (free.decrementAndGet() < 0) {
      free.incrementAndGet();
      return false;
    }
    return true;
  }

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
