package io.gatun.snapshot.engine;

import io.gatun.snapshot.apply.tree.TreeResult;
import io.gatun.snapshot.driver.LayerTarget;
import java.io.IOException;

/** Puts the files of a layer into a snapshot. */
@FunctionalInterface
public interface LayerWriter {

  /**
   * Writes all of a layer. Whatever it throws, what it has written is taken away afterwards.
   *
   * @param target where
   * @param isSyncedAfterwards whether all of it is brought to the disk then, so that writing it
   *     back early saves time
   * @return what has become of it
   */
  TreeResult write(LayerTarget target, boolean isSyncedAfterwards) throws IOException;
}
