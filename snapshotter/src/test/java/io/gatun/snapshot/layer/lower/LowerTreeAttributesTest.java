package io.gatun.snapshot.layer.lower;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.SnapshotException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Lookups in lower layers, existing and missing ones. */
class LowerTreeAttributesTest {

  private static final LinuxPath DIRECTORY = LinuxPath.of("a/b");

  @TempDir private Path temporary;

  private Path layer(String name, String... directories) throws Exception {
    Path top = Files.createDirectory(temporary.resolve(name));
    for (String directory : directories) {
      Files.createDirectories(top.resolve(directory));
    }
    return top;
  }

  private static LowerTreeAttributes of(Path... tops) {
    return new LowerTreeAttributes(List.of(tops).stream().map(LinuxPath::of).toList());
  }

  @Test
  void theNearestDirectoryIsFound() throws Exception {
    LowerTreeAttributes lowers = of(layer("near", "other"), layer("far", "a/b"));
    try (Fd found = lowers.find(DIRECTORY).orElseThrow()) {
      assertThat(found.path().toString()).endsWith("a/b");
    }
    assertThat(lowers.find(LinuxPath.of("a/c"))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"nothing", "a file", "a link"})
  void aLayerThatIsNotThereIsTheFaultOfTheStorage(String what) throws Exception {
    Path far = layer("far", "a/b");
    Path near = temporary.resolve("snapshots/7/fs");
    Files.createDirectories(near.getParent());
    switch (what) {
      case "a file" -> Files.createFile(near);
      case "a link" -> Files.createSymbolicLink(near, far);
      default -> {}
    }
    LowerTreeAttributes lowers = of(near, far);
    assertThatThrownBy(() -> lowers.find(DIRECTORY))
        .isInstanceOf(SnapshotException.StorageFailure.class)
        .hasMessageContaining("the lower layer at " + near + " is missing or not mounted");
  }
}
