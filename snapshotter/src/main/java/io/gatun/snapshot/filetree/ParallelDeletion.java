package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.root.Disk;
import java.util.concurrent.ForkJoinPool;

/** Deletes trees, one at a time, with several threads. */
public final class ParallelDeletion implements AutoCloseable {

  private final Disk disk;
  private final TreeDeletion.Pace pace;
  private final ForkJoinPool pool;

  /**
   * @param threads how many; they end when there has been nothing to do for a while
   */
  public ParallelDeletion(Disk disk, int threads, TreeDeletion.Pace pace) {
    this.disk = disk;
    this.pace = pace;
    this.pool = ParallelTreeWork.pool("gatun-deletion", threads);
  }

  /** As {@link TreeDeletion#delete}. */
  public void delete(Fd parent, LinuxPath name) throws ErrnoException {
    TreeDeletion.delete(disk, parent, name, new ParallelTreeWork(pool), pace);
  }

  /** Nothing may be under way any more. */
  @Override
  public void close() {
    pool.close();
  }
}
