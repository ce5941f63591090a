package io.gatun.snapshot.concurrent;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a start has opened so far. If the start fails, or when its owner ends, all of it is closed,
 * the last first.
 */
public final class Closer implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Closer.class);

  private final Deque<Runnable> closings = new ArrayDeque<>();

  /** {@return what was opened} Whatever goes wrong when it is closed, the others are, too. */
  public <T extends AutoCloseable> T add(T opened) {
    return keep(opened, Closer::closeAndReport);
  }

  private static void closeAndReport(AutoCloseable opened) {
    try {
      opened.close();
    } catch (Exception e) {
      log.error("cannot close {} properly", opened.getClass().getSimpleName(), e);
    }
  }

  /** {@return what was opened} */
  public <T> T keep(T opened, Consumer<T> closing) {
    closings.push(() -> closing.accept(opened));
    return opened;
  }

  /** Leaves all of it open: the start has succeeded, and it is for others to close. */
  public void release() {
    closings.clear();
  }

  @Override
  public void close() {
    while (!closings.isEmpty()) {
      closings.pop().run();
    }
  }
}
