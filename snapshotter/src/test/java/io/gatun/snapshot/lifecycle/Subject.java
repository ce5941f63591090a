package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import java.util.List;

/** A snapshotter that is compared with the model, and what a test can see of it from outside. */
interface Subject extends AutoCloseable {

  Snapshotter snapshotter();

  /** {@return whether a snapshot without a parent can be committed on top of one} */
  default boolean canRebase() {
    return true;
  }

  /** Compares mounts with those that the model answers with. */
  void checkMounts(List<Mount> actual, List<Mount> expected);

  /** Checks a count against the files that the model knows of. */
  void checkUsage(Usage actual, String key, ModelSnapshotter model, ModelFiles files);

  /** Writes a file in an active snapshot as its user would. */
  void write(String key, String file, String content);

  void restart();

  /**
   * Checks what holds whenever no request is under way.
   *
   * @param last what was done last
   */
  void checkInvariants(Operation last, ModelSnapshotter model, ModelFiles files);

  @Override
  void close();
}
