package io.gatun.snapshot.engine;

import io.gatun.snapshot.Usage;
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
   * @return what the snapshot takes then, its top included, as {@link
   *     io.gatun.snapshot.driver.TreeUsage} would count it
   */
  Usage write(LayerTarget target, boolean isSyncedAfterwards) throws IOException;
}
