package io.gatun.snapshot.layer.read;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.fixture.DaemonJvm;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** {@link HostileTrees} with no more memory than the daemon has. */
class HostileTreesTest {

  private static final Path MEMORY = Path.of("/dev/shm");

  @Test
  void hostileLayersAreThereWhollyOrNotAtAll() throws Exception {
    Path directory =
        Files.isWritable(MEMORY)
            ? Files.createTempDirectory(MEMORY, "gatun-hostile-")
            : Files.createTempDirectory("gatun-hostile-");
    try {
      DaemonJvm.run(HostileTrees.class, HostileLayers.PROPERTIES, directory.toString());
    } finally {
      delete(directory);
    }
  }

  private static void delete(Path directory) throws IOException {
    LinuxPath parent = LinuxPath.of(Objects.requireNonNull(directory.getParent()));
    try (Fd above = Fcntl.open(parent, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      TreeDeletion.delete(new UnsyncedDisk(), above, LinuxPath.of(directory.getFileName()));
    }
  }
}
