package io.gatun.snapshot.filetree;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.io.TempDir;

class ParallelDeletionTest {

  private static final int DIRECTORIES = 12;

  /** More entries than one read returns. */
  private static final int FILES_EACH = 1_200;

  @TempDir private Path temporary;

  @RepeatedTest(5)
  void treesAreDeletedByManyAtOnceAndAtTheirPace() throws Exception {
    Path tree = Files.createDirectory(temporary.resolve("tree"));
    for (int i = 0; i < DIRECTORIES; i++) {
      Path directory = Files.createDirectories(tree.resolve("d" + i + "/below"));
      for (int j = 0; j < FILES_EACH; j++) {
        Files.createFile(directory.resolve("f" + j));
      }
      Files.createDirectories(directory.resolve("e/f/g"));
    }
    AtomicInteger removals = new AtomicInteger();
    try (ParallelDeletion deletion =
            new ParallelDeletion(new LinuxDisk(), 4, removals::incrementAndGet);
        Fd parent = Fcntl.open(LinuxPath.of(temporary), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      deletion.delete(parent, LinuxPath.of("tree"));
    }
    assertThat(tree).doesNotExist();
    assertThat(removals).hasValue(1 + DIRECTORIES * (FILES_EACH + 5));
  }
}
