package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.root.Disk;
import java.util.concurrent.ForkJoinPool;

/** Deletes trees with several threads, one tree at a time. */
public final class ParallelDeletion implements AutoCloseable {

  private final Disk disk;
  private final TreeDeletion.Pace pace;
  private final ForkJoinPool pool;

  /**
   * @param threads the number of threads; they end after an idle time
   */
  public ParallelDeletion(Disk disk, int threads, TreeDeletion.Pace pace) {
    this.disk = disk;
    this.pace = pace;
    this.pool = ParallelTreeWork.pool("gatun-deletion", threads);
  }

  /** See {@link TreeDeletion#delete}. */
  public void delete(Fd parent, LinuxPath name) throws ErrnoException {
    TreeDeletion.delete(disk, parent, name, new ParallelTreeWork(pool), pace);
  }

  /** Must not be called during a deletion. */
  @Override
  public void close() {
    pool.close();
  }
}
