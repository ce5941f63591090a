package io.gatun.snapshot.concurrent;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/** What a start has opened so far. If the start fails, all of it is closed, the last first. */
public final class Closer implements AutoCloseable {

  private final Deque<Runnable> closings = new ArrayDeque<>();

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
