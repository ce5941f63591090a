package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;

/**
 * A walk of a tree as tasks that fork further tasks. The newest task runs first: depth first, which
 * keeps few directories waiting. After the first failure, the remaining tasks are dropped.
 */
public interface TreeWork {

  @FunctionalInterface
  interface Task {
    void run() throws ErrnoException;
  }

  /** Runs a task and all that it forks, and returns when all have finished. Called once. */
  void run(Task first) throws ErrnoException;

  /** Runs a task some time before {@link #run} returns. */
  void fork(Task task);
}
