package io.gatun.snapshot.concurrent;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/** Closes the resources opened so far, in reverse order, unless the start succeeds. */
public final class Closer implements AutoCloseable {

  private final Deque<Runnable> closings = new ArrayDeque<>();

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
