package io.gatun.snapshot.layer.erofs;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.fixture.ExtractedIndex;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.extract.LayerItem;
import io.gatun.snapshot.layer.extract.LayerItems;
import io.gatun.snapshot.layer.lower.TestTree;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;
import net.jqwik.api.lifecycle.AfterContainer;

/**
 * Goal: an index shows the same tree as an extracted layer, in every attribute that EROFS stores.
 * Method: random layers are extracted and indexed; the kernel mounts the index, and the trees, the
 * refusals and the output of fsck.erofs are compared.
 *
 * <p>Not compared: the times of implicit directories and of whiteouts, which an extraction sets to
 * the current time.
 */
final class IndexConformanceIT {

  private static final int TRIES = 60;
  private static final int MANY_TRIES = 500;

  private static final LinuxDisk DISK = new LinuxDisk();
  private static final Path DIRECTORY = makeDirectory();

  /** Earlier than any run of this, and later than any time in a layer that is not clamped. */
  private static final long NOW_SECONDS_MIN = 1_750_000_000L;

  private static int compared;
  private static int extracted;

  /** Not in memory: the kernel can only mount files of a filesystem on disk. */
  private static Path makeDirectory() {
    try {
      return Files.createTempDirectory(Path.of("target").toAbsolutePath(), "indexes-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Checks that most layers were compared and not refused by both. */
  @AfterContainer
  static void stop() throws IOException {
    delete(DIRECTORY);
    assertThat(compared).isGreaterThan(TRIES);
    assertThat(extracted).isGreaterThan(TRIES / 2);
  }

  private static void delete(Path path) throws IOException {
    LinuxPath parent = LinuxPath.of(Objects.requireNonNull(path.getParent()));
    try (Fd directory = Fcntl.open(parent, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      TreeDeletion.delete(DISK, directory, LinuxPath.of(path.getFileName()));
    }
  }

  @Provide
  Arbitrary<List<LayerItem>> layers() {
    return LayerItems.layers();
  }

  @Property(tries = TRIES, shrinking = ShrinkingMode.OFF)
  void anIndexShowsWhatADirectoryOfAnOverlayHas(@ForAll("layers") List<LayerItem> layer)
      throws IOException {
    check(IndexForm.OVERLAY, layer);
  }

  @Tag("long")
  @Property(tries = MANY_TRIES, shrinking = ShrinkingMode.OFF)
  void anIndexShowsWhatADirectoryOfAnOverlayHasInManyTries(@ForAll("layers") List<LayerItem> layer)
      throws IOException {
    anIndexShowsWhatADirectoryOfAnOverlayHas(layer);
  }

  @Property(tries = TRIES, shrinking = ShrinkingMode.OFF)
  void anIndexOfABaseShowsWhatADirectoryHas(@ForAll("layers") List<LayerItem> layer)
      throws IOException {
    check(IndexForm.BASE, layer);
  }

  @Tag("long")
  @Property(tries = MANY_TRIES, shrinking = ShrinkingMode.OFF)
  void anIndexOfABaseShowsWhatADirectoryHasInManyTries(@ForAll("layers") List<LayerItem> layer)
      throws IOException {
    anIndexOfABaseShowsWhatADirectoryHas(layer);
  }

  private static void check(IndexForm form, List<LayerItem> layer) throws IOException {
    Optional<String> difference = difference(form, layer);
    if (difference.isEmpty()) {
      return;
    }
    List<LayerItem> fewest = new ArrayList<>(layer);
    for (int i = fewest.size() - 1; i >= 0; i--) {
      List<LayerItem> fewer = new ArrayList<>(fewest);
      fewer.remove(i);
      if (difference(form, fewer).isPresent()) {
        fewest.remove(i);
      }
    }
    throw new AssertionError(
        "%s%nlayer:%n%s"
            .formatted(
                difference(form, fewest).orElse("not again"),
                fewest.stream().map(LayerItem::toString).collect(Collectors.joining("\n"))));
  }

  private static Optional<String> difference(IndexForm form, List<LayerItem> layer)
      throws IOException {
    Path work = Files.createDirectory(DIRECTORY.resolve("case"));
    try {
      byte[] tar = LayerItems.tar(layer);
      DeletionForm deletions =
          form == IndexForm.OVERLAY ? DeletionForm.OVERLAY : DeletionForm.IN_PLACE;
      TestTree tree = TestTree.of(work.resolve("tree"), deletions);
      Optional<String> refusal = Optional.empty();
      try {
        tree.apply(DISK, tar, TestTree.Before.NOTHING);
      } catch (IOException e) {
        refusal = Optional.of(String.valueOf(e.getMessage()));
      }
      TestIndex index;
      try {
        index = TestIndex.of(work.resolve("index"), form, tar);
      } catch (InvalidLayerException e) {
        return refusal.isPresent()
            ? Optional.empty()
            : Optional.of("only the index refuses: " + e.getMessage());
      } catch (NotIndexableException e) {
        return (e.reason() == NotIndexable.ATTRIBUTE_FORM && refusal.isPresent())
                || (e.reason() == NotIndexable.SPARSE_FILE && hasPartsOfBlocks(layer))
            ? Optional.empty()
            : Optional.of("cannot be expressed: " + e.getMessage());
      }
      if (refusal.isPresent()) {
        return Optional.of("only the directory refuses: " + refusal.get());
      }
      compared++;
      Optional<String> difference = difference(tree, index);
      return difference.isEmpty() && isExtractable(layer) ? extractedDifference(index) : difference;
    } finally {
      delete(work);
    }
  }

  private static boolean hasPartsOfBlocks(List<LayerItem> layer) {
    return layer.stream()
        .anyMatch(item -> item.kind() == LayerItem.Kind.SPARSE_FILE && !item.isOfWholeBlocks());
  }

  private static Optional<String> difference(TestTree tree, TestIndex index) throws IOException {
    try (TestIndex.Mounted mounted = index.mount()) {
      TestTree shown = new TestTree(mounted.files(), tree.form(), List.of());
      Optional<String> difference =
          difference(
              "in the directory",
              comparable(tree.files()),
              "in the index",
              comparable(shown.files()));
      if (difference.isPresent()) {
        return difference;
      }
      Set<String> opaque = opaque(tree);
      Set<String> opaqueIndexed = opaque(shown);
      return opaque.equals(opaqueIndexed)
          ? Optional.empty()
          : Optional.of("opaque are %s, in the index %s".formatted(opaque, opaqueIndexed));
    }
  }

  /**
   * {@return whether fsck.erofs can extract everything completely, without later changes by the
   * kernel} It creates files in directories that already have their ACL, and does not extend a file
   * by a hole at its end.
   */
  private static boolean isExtractable(List<LayerItem> layer) {
    return layer.stream().noneMatch(item -> item.hasDefaultAcl() || item.isHoleAtEnd());
  }

  private static Optional<String> extractedDifference(TestIndex index) throws IOException {
    Path memory = Files.createTempDirectory(Path.of("/dev/shm"), "gatun-indexes-");
    try (TestIndex.Mounted mounted = index.mount()) {
      extracted++;
      Path tree = ExtractedIndex.of(index.index(), index.tar(), memory.resolve("extracted"));
      return difference(
          "as fsck.erofs extracts the index",
          ExtractedIndex.comparable(tree),
          "as the kernel shows it",
          ExtractedIndex.comparable(mounted.files()));
    } finally {
      delete(memory);
    }
  }

  private static Optional<String> difference(
      String one, List<String> lines, String other, List<String> otherLines) {
    List<String> only = new ArrayList<>(lines);
    only.removeAll(otherLines);
    List<String> onlyOther = new ArrayList<>(otherLines);
    onlyOther.removeAll(lines);
    return lines.equals(otherLines)
        ? Optional.empty()
        : Optional.of(
            "only %s:%n  %s%nonly %s:%n  %s"
                .formatted(one, String.join("\n  ", only), other, String.join("\n  ", onlyOther)));
  }

  private static List<String> comparable(Path files) throws IOException {
    List<String> lines = new ArrayList<>();
    for (String line : TreeManifest.of(files, Set.of(TreeManifest.Detail.DIRECTORY_TIMES))) {
      boolean mayHaveNoTime = line.contains(" type=DIRECTORY ") || line.contains(" rdev=0:0");
      boolean hasNoTime = line.contains(" mtime=0.000000000") || seconds(line) >= NOW_SECONDS_MIN;
      lines.add(mayHaveNoTime && hasNoTime ? TestTree.withoutTimes(line) : line);
    }
    return lines;
  }

  private static long seconds(String line) {
    int at = line.indexOf(" mtime=") + " mtime=".length();
    return Long.parseLong(line.substring(at, line.indexOf('.', at)));
  }

  private static Set<String> opaque(TestTree tree) throws IOException {
    Set<String> opaque = new TreeSet<>();
    for (String line : TreeManifest.of(tree.files())) {
      String path = line.substring(0, line.indexOf(" type="));
      if (line.contains(" type=DIRECTORY ") && tree.isOpaque(path)) {
        opaque.add(path);
      }
    }
    return opaque;
  }
}
