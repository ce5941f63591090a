package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.Mount;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/** How a test sees the files behind the mounts that a snapshotter answers with. */
interface Sight {

  /** What is done with the files of a snapshot. */
  @FunctionalInterface
  interface Use {
    void with(Path top) throws IOException;
  }

  /** {@return the regular files that are seen, with their content} */
  Map<String, String> files(Mount mount) throws IOException;

  /** Does something in the directory that the mount shows. */
  void write(Mount mount, Use ref) throws IOException;
}
