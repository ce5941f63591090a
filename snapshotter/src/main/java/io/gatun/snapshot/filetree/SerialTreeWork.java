package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;
import java.util.ArrayDeque;
import java.util.Deque;

/** A walk in the calling thread. */
public final class SerialTreeWork implements TreeWork {

  private final Deque<Task> tasks = new ArrayDeque<>();

  @Override
  public void run(Task first) throws ErrnoException {
    fork(first);
    while (!tasks.isEmpty()) {
      tasks.pop().run();
    }
  }

  @Override
  public void fork(Task task) {
    tasks.push(task);
  }
}
