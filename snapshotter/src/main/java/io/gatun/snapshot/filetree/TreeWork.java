package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;

/**
 * One walk of a tree, as tasks that make further tasks. The newest task is done first, which goes
 * deep before it goes wide and so keeps few directories waiting. After the first failure the tasks
 * that are left are dropped.
 */
public interface TreeWork {

  /** A part of a walk. */
  @FunctionalInterface
  interface Task {
    void run() throws ErrnoException;
  }

  /** Does the task and all that it forks, and returns when nothing of it is left. Used once. */
  void run(Task first) throws ErrnoException;

  /** Has a task done some time before {@link #run} returns. */
  void fork(Task task);
}
