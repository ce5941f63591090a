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

  /** {@return the argument} A failure to close it is logged and does not keep others open. */
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

  /** Leaves the resources open: the start has succeeded, and others close them. */
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
