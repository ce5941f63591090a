package io.gatun.snapshot.layer.extract;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.fixture.ForkedJvm;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.lower.TestTree;
import io.gatun.snapshot.layer.lower.TreeSwapping;
import java.io.BufferedReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Another process swaps directories of the tree for links that lead out, atomically and as fast as
 * it can, while layers are extracted.
 */
public final class TreeRaceTest {

  private static final long MILLIS = Long.getLong("gatun.race.millis", 1500);

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource(names = {"OVERLAY", "IN_PLACE"})
  void nothingOutsideChangesWhileDirectoriesAreSwappedForLinks(DeletionForm form) throws Exception {
    Path outside = Files.createDirectories(directory.resolve("outside"));
    for (String name : List.of("d/e/f", "e/f", "f")) {
      Files.createDirectories(outside.resolve(name).getParent());
      Files.writeString(outside.resolve(name), "outside");
    }
    List<String> before = TreeManifest.of(outside);
    long descriptors = TestTree.descriptors();
    TestTree tree = TestTree.of(directory.resolve("fs"), form);
    Process other =
        new ProcessBuilder(
                ForkedJvm.command(
                    List.of(), TreeSwapping.class, tree.files().toString(), outside.toString()))
            .redirectErrorStream(true)
            .start();
    long written = 0;
    long failed = 0;
    try (BufferedReader said = other.inputReader(StandardCharsets.UTF_8)) {
      assertThat(said.readLine()).isEqualTo(TreeSwapping.READY);
      long end = System.nanoTime() + MILLIS * 1_000_000;
      // On a busy machine the other process may begin late.
      while (System.nanoTime() < end || (!said.ready() && other.isAlive())) {
        try {
          tree.apply(layer());
          written++;
        } catch (TreeWriteException e) {
          failed++;
        }
      }
      other.getOutputStream().close();
      assertThat(said.readLine()).isEqualTo(TreeSwapping.ENOUGH);
      assertThat(other.waitFor()).isZero();
    } finally {
      other.destroyForcibly().waitFor();
    }
    assertThat(TreeManifest.of(outside)).isEqualTo(before);
    assertThat(TestTree.descriptors()).isEqualTo(descriptors);
    assertThat(written + failed).as("layers").isGreaterThan(3);
  }

  private static TarBuilder layer() {
    return TarBuilder.pax()
        .owner(7, 7)
        .directory("d", 0711)
        .owner(7, 7)
        .directory("d/e", 0711)
        .owner(7, 7)
        .file("d/e/f", 04777, "broken")
        .file("d/e/f", 0777, "broken")
        .hardLink("d/e/h", 0777, "d/e/f")
        .owner(7, 7)
        .symbolicLink("d/e/s", "x")
        .fifo("d/e/p", 0777)
        .file("d/by/the/way", 0777, "broken")
        .whiteout("d/e/f")
        .opaque("d/e")
        .directory("d/e/sub", 0777)
        .file("d/f", 0777, "broken");
  }
}
