package io.gatun.snapshot.concurrent;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Closes the resources opened so far, in reverse order: when a start fails, or when their owner is
 * closed.
 */
public final class Closer implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Closer.class);

  private final Deque<Runnable> closings = new ArrayDeque<>();

  /**
   * {@return the argument} {@link #close} logs a failure to close it, and goes on with the others.
   */
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

  public <T> T keep(T opened, Consumer<T> closing) {
    closings.push(() -> closing.accept(opened));
    return opened;
  }

  /**
   * Forgets the resources without closing them: the start has succeeded, and their owner closes
   * them.
   */
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
