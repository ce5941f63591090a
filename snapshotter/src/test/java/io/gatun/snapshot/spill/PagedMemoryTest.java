package io.gatun.snapshot.spill;

import io.gatun.snapshot.fixture.DaemonJvm;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PagedMemoryTest {

  @TempDir Path temporary;

  @Test
  void heapOfTheDaemonDoesForLayersThatKeepAsMuchAsTheyMay() throws Exception {
    DaemonJvm.run(FullMemories.class, "gatun.", temporary.toString());
  }
}
