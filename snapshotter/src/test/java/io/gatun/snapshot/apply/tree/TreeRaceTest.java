package io.gatun.snapshot.apply.tree;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.AtFlag;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.linux.RenameFlag;
import io.gatun.linux.Stat;
import io.gatun.linux.Unistd;
import io.gatun.snapshot.driver.DeletionForm;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Somebody else is at work in the tree and swaps directories for links that lead out, in one step
 * and as fast as it goes, while layers are written.
 */
final class TreeRaceTest {

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
    AtomicBoolean isOver = new AtomicBoolean();
    AtomicLong swaps = new AtomicLong();
    Thread other = Thread.ofPlatform().start(() -> swap(tree.files(), outside, isOver, swaps));
    long written = 0;
    long failed = 0;
    long end = System.nanoTime() + MILLIS * 1_000_000;
    while (System.nanoTime() < end) {
      try {
        tree.apply(layer());
        written++;
      } catch (TreeWriteException e) {
        failed++;
      }
    }
    isOver.set(true);
    other.join();
    assertThat(TreeManifest.of(outside)).isEqualTo(before);
    assertThat(TestTree.descriptors()).isEqualTo(descriptors);
    assertThat(swaps.get()).as("swaps").isGreaterThan(10);
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

  private static void swap(Path files, Path outside, AtomicBoolean isOver, AtomicLong swaps) {
    try (Fd top = Confinement.openTop(LinuxPath.of(files))) {
      long retired = 0;
      while (!isOver.get()) {
        retired += swap(top, top, "d", files.resolve("swap-d"), outside, retired, swaps);
        // Not by its path, which leads out half of the time.
        try (Fd parent = Confinement.openChild(top, LinuxPath.of("d"))) {
          retired += swap(top, parent, "e", files.resolve("swap-e"), outside, retired, swaps);
        } catch (ErrnoException e) {
          // It is a link now, or not there yet.
        }
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** {@return how many names were used up} */
  private static int swap(
      Fd top, Fd parent, String name, Path spare, Path outside, long retired, AtomicLong swaps)
      throws IOException {
    int used = 0;
    if (Files.isDirectory(spare, LinkOption.NOFOLLOW_LINKS)
        && Stat.tryStatx(parent, LinuxPath.of(name), AtFlag.SYMLINK_NOFOLLOW)
            .filter(status -> status.type() != NodeType.SYMBOLIC_LINK)
            .isPresent()) {
      // The layer has put a directory in the place of the link.
      Files.move(spare, spare.resolveSibling("retired-" + retired));
      used = 1;
    }
    if (!Files.exists(spare, LinkOption.NOFOLLOW_LINKS)) {
      Files.createSymbolicLink(spare, outside);
    }
    try {
      Unistd.renameat2(
          parent, LinuxPath.of(name), top, LinuxPath.of(spare.getFileName()), RenameFlag.EXCHANGE);
      swaps.incrementAndGet();
    } catch (ErrnoException e) {
      // It is not there yet, or not any more.
    }
    return used;
  }
}
