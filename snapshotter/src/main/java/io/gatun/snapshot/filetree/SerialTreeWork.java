package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.root.Io;
import java.util.ArrayDeque;
import java.util.Deque;

/** A walk in the calling thread. */
public final class SerialTreeWork implements TreeWork {

  private final Deque<Io.Action> tasks = new ArrayDeque<>();

  @Override
  public void run(Io.Action first) throws ErrnoException {
    fork(first);
    while (!tasks.isEmpty()) {
      tasks.pop().run();
    }
  }

  @Override
  public void fork(Io.Action task) {
    tasks.push(task);
  }
}
