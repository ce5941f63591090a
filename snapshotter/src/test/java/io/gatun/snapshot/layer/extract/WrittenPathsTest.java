package io.gatun.snapshot.layer.extract;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.spill.PagedMemory;
import io.gatun.snapshot.spill.Spill;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class WrittenPathsTest {

  private static final int PATHS = 200_000;
  private static final int VISITS = 50_000;
  private static final LinuxPath DIRECTORY = LinuxPath.of("a/b");

  @TempDir Path temporary;

  @Test
  void pathsAndAllAboveThemAreKnownHoweverManyThereAre() throws Exception {
    try (Fd directory =
            Fcntl.open(LinuxPath.of(temporary), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
        PagedMemory memory = new PagedMemory(new Spill(new LinuxDisk(), directory), 0)) {
      WrittenPaths written = new WrittenPaths(memory);
      written.addWithAllAbove(LinuxPath.of("x/y/z"));
      written.addWithAllAbove(DIRECTORY);
      for (int i = 0; i < PATHS; i++) {
        written.add(DIRECTORY, LinuxPath.of("f" + i));
      }
      assertThat(memory.isSpilled()).isTrue();
      for (int i = 0; i < PATHS; i++) {
        assertThat(written.contains(DIRECTORY, LinuxPath.of("f" + i))).isTrue();
        assertThat(written.contains(DIRECTORY, LinuxPath.of("g" + i))).isFalse();
      }
      assertThat(written.contains(LinuxPath.EMPTY, LinuxPath.of("x"))).isTrue();
      assertThat(written.contains(LinuxPath.of("x"), LinuxPath.of("y"))).isTrue();
      assertThat(written.contains(LinuxPath.of("x/y"), LinuxPath.of("z"))).isTrue();
      assertThat(written.contains(LinuxPath.EMPTY, LinuxPath.of("y"))).isFalse();
    }
  }

  /** A lookup for each parent would read a page of the spill each time. */
  @Test
  @Timeout(30)
  void directoryThatIsKnownTakesLittleHoweverDeepItIs() throws Exception {
    try (Fd directory =
            Fcntl.open(LinuxPath.of(temporary), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
        PagedMemory memory = new PagedMemory(new Spill(new LinuxDisk(), directory), 0)) {
      WrittenPaths written = new WrittenPaths(memory);
      for (int i = 0; i < PATHS; i++) {
        written.add(LinuxPath.EMPTY, LinuxPath.of("f" + i));
      }
      String below = "/d".repeat(2000);
      for (int i = 0; i < VISITS; i++) {
        written.addWithAllAbove(LinuxPath.of("a" + below));
        written.addWithAllAbove(LinuxPath.of("b" + below));
      }
      assertThat(written.contains(LinuxPath.EMPTY, LinuxPath.of("b"))).isTrue();
      assertThat(written.contains(LinuxPath.of("a/d"), LinuxPath.of("d"))).isTrue();
    }
  }
}
