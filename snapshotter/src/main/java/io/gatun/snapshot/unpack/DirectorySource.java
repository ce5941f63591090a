package io.gatun.snapshot.unpack;

import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.extract.TreeResult;
import java.io.IOException;

/** Puts the files of a layer into a snapshot. */
@FunctionalInterface
public interface DirectorySource {

  /**
   * Writes all of a layer. If this fails, the caller takes away what it has written.
   *
   * @param target where
   * @param isSyncedAfterwards whether all of it is brought to the disk then, so that writing it
   *     back early saves time
   * @return what has become of it
   */
  TreeResult write(LayerTarget target, boolean isSyncedAfterwards) throws IOException;
}
