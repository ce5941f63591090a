package io.gatun.snapshot.unpack;

import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.extract.TreeResult;
import java.io.IOException;

/** Writes the files of a layer to a snapshot's directory. */
@FunctionalInterface
public interface DirectorySource {

  /**
   * Writes the complete layer. After a failure, the caller deletes the written files.
   *
   * @param target the directory
   * @param isSyncedAfterwards whether the caller syncs all files afterwards, so that early
   *     writeback saves time
   * @return the properties of the written tree
   */
  TreeResult write(LayerTarget target, boolean isSyncedAfterwards) throws IOException;
}
