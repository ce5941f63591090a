package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.root.Io;

/**
 * A walk of a tree as tasks that fork further tasks. The newest task runs first: depth first, which
 * keeps few directories waiting. After the first failure, the remaining tasks are dropped.
 */
public interface TreeWork {

  /** Runs a task and all that it forks, and returns when all have finished. Called once. */
  void run(Io.Action first) throws ErrnoException;

  /** Runs a task some time before {@link #run} returns. */
  void fork(Io.Action task);
}
