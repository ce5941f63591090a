package io.gatun.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

final class TrainingIT {

  @Test
  void putsADaemonThroughItsWorkAndLeavesNothingBehind() throws IOException {
    List<Path> before = temporaryDirectories();
    new Training(new Training.Amount(2, 3, 2, 250)).run();
    assertThat(temporaryDirectories()).isEqualTo(before);
  }

  private static List<Path> temporaryDirectories() throws IOException {
    try (Stream<Path> entries = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return entries
          .filter(entry -> entry.getFileName().toString().startsWith("gatun-training"))
          .sorted()
          .toList();
    }
  }
}
