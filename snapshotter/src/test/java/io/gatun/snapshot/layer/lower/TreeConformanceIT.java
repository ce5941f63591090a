package io.gatun.snapshot.layer.lower;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.containerd.ContainerdApplier;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.extract.LayerItem;
import io.gatun.snapshot.layer.extract.LayerItem.Kind;
import io.gatun.snapshot.layer.extract.LayerItems;
import io.gatun.snapshot.layer.extract.TreeWriter;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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
 * Goal: the extracted tree equals that of containerd in every attribute, except for the differences
 * that {@link TreeWriter} lists. Method: random layers on random layers, extracted by both.
 *
 * <p>Not compared, because of a listed difference or because it is the time of unpacking: times of
 * implicit directories, all times in a layer that removes its own entries, and opaque marks in a
 * copy that follow entries further below.
 */
final class TreeConformanceIT {

  private static final int TRIES = 200;
  private static final int MANY_TRIES = 2000;

  private static final LinuxDisk DISK = new LinuxDisk();

  private static final ContainerdApplier CONTAINERD = startContainerd();
  private static final Path DIRECTORY = makeDirectory();

  private static int compared;
  private static int comparedWithTimes;

  private static ContainerdApplier startContainerd() {
    try {
      return ContainerdApplier.start();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static Path makeDirectory() {
    Path memory = Path.of("/dev/shm");
    try {
      return Files.isWritable(memory)
          ? Files.createTempDirectory(memory, "gatun-trees-")
          : Files.createTempDirectory("gatun-trees-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Checks that most layers are compared, many with their times, so that the exceptions hide
   * little.
   */
  @AfterContainer
  static void stop() throws IOException {
    CONTAINERD.close();
    delete(DIRECTORY);
    assertThat(compared).isGreaterThan(TRIES * 3 / 4);
    assertThat(comparedWithTimes).isGreaterThan(TRIES / 3);
  }

  private static void delete(Path path) throws IOException {
    try (Fd parent = SecureOpen.openTop(LinuxPath.of(Objects.requireNonNull(path.getParent())))) {
      TreeDeletion.delete(DISK, parent, LinuxPath.of(path.getFileName()));
    }
  }

  @Provide
  Arbitrary<List<LayerItem>> layers() {
    return LayerItems.layers();
  }

  @Property(tries = TRIES, shrinking = ShrinkingMode.OFF)
  void layersOfAnOverlayAreThoseOfContainerd(
      @ForAll("layers") List<LayerItem> below, @ForAll("layers") List<LayerItem> layer)
      throws IOException {
    check(DeletionForm.OVERLAY, below, layer);
  }

  @Tag("long")
  @Property(tries = MANY_TRIES, shrinking = ShrinkingMode.OFF)
  void layersOfAnOverlayAreThoseOfContainerdInManyTries(
      @ForAll("layers") List<LayerItem> below, @ForAll("layers") List<LayerItem> layer)
      throws IOException {
    layersOfAnOverlayAreThoseOfContainerd(below, layer);
  }

  @Property(tries = TRIES, shrinking = ShrinkingMode.OFF)
  void layersInACopyAreThoseOfContainerd(
      @ForAll("layers") List<LayerItem> below, @ForAll("layers") List<LayerItem> layer)
      throws IOException {
    check(DeletionForm.IN_PLACE, below, layer);
  }

  @Tag("long")
  @Property(tries = MANY_TRIES, shrinking = ShrinkingMode.OFF)
  void layersInACopyAreThoseOfContainerdInManyTries(
      @ForAll("layers") List<LayerItem> below, @ForAll("layers") List<LayerItem> layer)
      throws IOException {
    layersInACopyAreThoseOfContainerd(below, layer);
  }

  private static void check(DeletionForm form, List<LayerItem> below, List<LayerItem> layer)
      throws IOException {
    Optional<String> difference = difference(form, below, layer);
    if (difference.isEmpty()) {
      return;
    }
    List<LayerItem> fewestBelow = new ArrayList<>(below);
    List<LayerItem> fewest = new ArrayList<>(layer);
    boolean isSmaller = true;
    while (isSmaller) {
      isSmaller =
          takeOneAway(fewest, items -> difference(form, fewestBelow, items).isPresent())
              || takeOneAway(fewestBelow, items -> difference(form, items, fewest).isPresent());
    }
    throw new AssertionError(
        "%s%nbelow:%n%s%nlayer:%n%s"
            .formatted(
                difference(form, fewestBelow, fewest).orElse("not again"),
                lines(fewestBelow),
                lines(fewest)));
  }

  private static String lines(List<LayerItem> items) {
    return items.stream().map(LayerItem::toString).collect(Collectors.joining("\n"));
  }

  @FunctionalInterface
  private interface Check {
    boolean fails(List<LayerItem> items) throws IOException;
  }

  private static boolean takeOneAway(List<LayerItem> items, Check check) throws IOException {
    for (int i = items.size() - 1; i >= 0; i--) {
      List<LayerItem> fewer = new ArrayList<>(items);
      fewer.remove(i);
      if (check.fails(fewer)) {
        items.remove(i);
        return true;
      }
    }
    return false;
  }

  /** {@return how the two trees differ, if they do} */
  private static Optional<String> difference(
      DeletionForm form, List<LayerItem> below, List<LayerItem> layer) throws IOException {
    if (form == DeletionForm.IN_PLACE && isOpaqueTooLate(below, layer)) {
      return Optional.empty();
    }
    Path work = Files.createDirectory(DIRECTORY.resolve("case"));
    try {
      Path belowTar = Files.write(work.resolve("below.tar"), LayerItems.tar(below));
      byte[] tar = LayerItems.tar(layer);
      Path layerTar = Files.write(work.resolve("layer.tar"), tar);
      Path theirs = Files.createDirectory(work.resolve("theirs"));
      Path lower = Files.createDirectory(work.resolve("lower"));
      TestTree ours;
      Optional<String> refusal;
      if (form == DeletionForm.OVERLAY) {
        // A failure half-way is as good as any result.
        CONTAINERD.applyToCopy(lower, belowTar);
        ours = TestTree.of(work.resolve("ours"), form, lower);
        refusal = CONTAINERD.applyToOverlay(theirs, layerTar, List.of(lower));
      } else {
        ours = TestTree.of(work.resolve("ours"), form);
        CONTAINERD.applyToCopy(theirs, belowTar);
        CONTAINERD.applyToCopy(ours.files(), belowTar);
        refusal = CONTAINERD.applyToCopy(theirs, layerTar);
      }
      TestTree other = new TestTree(theirs, form, ours.lowers());
      Optional<String> failure = apply(ours, tar);
      if (failure.isPresent()) {
        return refusal.isPresent()
            ? Optional.empty()
            : Optional.of("only we refuse: " + failure.get());
      }
      if (refusal.isPresent()) {
        return isToBeAccepted(form, layer, refusal.get())
            ? Optional.empty()
            : Optional.of("only containerd refuses: " + refusal.get());
      }
      return difference(below, layer, ours, other);
    } finally {
      delete(work);
    }
  }

  private static Optional<String> apply(TestTree tree, byte[] tar) {
    try {
      tree.apply(DISK, tar, TestTree.Before.NOTHING);
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /** Failures of containerd that are not required here: see {@link TreeWriter}. */
  private static boolean isToBeAccepted(DeletionForm form, List<LayerItem> layer, String refusal) {
    boolean isOfDirectoryThatIsGone =
        (refusal.contains("UtimesNanoAt") && refusal.contains("no such file or directory"))
            || refusal.startsWith("lstat ")
            || refusal.equals("too many links");
    boolean isWhiteoutOfWhatTheLayerWrote =
        refusal.contains("failed to convert whiteout") && refusal.contains("file exists");
    boolean isInTheWayBelow =
        refusal.contains("/lower/")
            && (refusal.contains("not a directory")
                || refusal.contains("too many levels of symbolic links"));
    boolean isWhiteoutInTheWay = refusal.endsWith("not a directory") && goesOnBelowWhiteout(layer);
    boolean isOfOldSparseFile =
        refusal.equals("unhandled tar header type " + (int) 'S')
            && layer.stream().anyMatch(LayerItem::isSparseInOldFormat);
    return isOfDirectoryThatIsGone
        || isOfOldSparseFile
        || (form == DeletionForm.OVERLAY
            && (isWhiteoutOfWhatTheLayerWrote || isInTheWayBelow || isWhiteoutInTheWay));
  }

  private static boolean goesOnBelowWhiteout(List<LayerItem> layer) {
    for (int i = 0; i < layer.size(); i++) {
      if (isWhiteout(layer.get(i))) {
        String hidden = "/" + lastName(layer.get(i).path()) + "/";
        for (LayerItem later : layer.subList(i + 1, layer.size())) {
          String path = "/" + later.path() + (later.kind() == Kind.OPAQUE ? "/" : "");
          if (path.contains(hidden) || (hasLinks(layer) && path.lastIndexOf('/') > 0)) {
            return true;
          }
        }
      }
    }
    return false;
  }

  private static Optional<String> difference(
      List<LayerItem> below, List<LayerItem> layer, TestTree ours, TestTree theirs)
      throws IOException {
    boolean isWithTimes = !removesWhatItHasNamed(below, layer);
    compared++;
    comparedWithTimes += isWithTimes ? 1 : 0;
    Set<String> named =
        layer.stream()
            .filter(item -> item.kind() == Kind.DIRECTORY)
            .map(LayerItem::path)
            .collect(Collectors.toSet());
    List<String> our = comparable(ours, named, isWithTimes);
    List<String> their = comparable(theirs, named, isWithTimes);
    if (!our.equals(their)) {
      List<String> onlyOurs = new ArrayList<>(our);
      onlyOurs.removeAll(their);
      their.removeAll(our);
      return Optional.of(
          "only ours:%n  %s%nonly containerd's:%n  %s"
              .formatted(String.join("\n  ", onlyOurs), String.join("\n  ", their)));
    }
    return differentMarks(layer, ours, theirs);
  }

  private static List<String> comparable(TestTree tree, Set<String> named, boolean isWithTimes)
      throws IOException {
    List<String> lines = new ArrayList<>();
    for (String line : TreeManifest.of(tree.files())) {
      String path = line.substring(0, line.indexOf(" type="));
      boolean isImplicit = line.contains(" type=DIRECTORY ") && !named.contains(path);
      boolean isWhiteout = line.contains(" rdev=0:0");
      lines.add(isWithTimes && !isImplicit && !isWhiteout ? line : TestTree.withoutTimes(line));
    }
    return lines;
  }

  /** Ours may have more where a directory replaces a whiteout. */
  private static Optional<String> differentMarks(
      List<LayerItem> layer, TestTree ours, TestTree theirs) throws IOException {
    Set<String> our = opaque(ours);
    Set<String> their = opaque(theirs);
    Set<String> hidden =
        layer.stream()
            .filter(TreeConformanceIT::isWhiteout)
            .map(item -> lastName(item.path()))
            .collect(Collectors.toSet());
    Set<String> more = new TreeSet<>(our);
    more.removeAll(their);
    more.removeIf(path -> hidden.contains(lastName(path)));
    return our.containsAll(their) && more.isEmpty()
        ? Optional.empty()
        : Optional.of("opaque are %s, with containerd %s".formatted(our, their));
  }

  private static boolean isWhiteout(LayerItem item) {
    return item.kind() == Kind.WHITEOUT || item.isDeviceOfWhiteouts();
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

  private static String lastName(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private static boolean hasLinks(List<LayerItem> items) {
    return items.stream().anyMatch(item -> item.kind() == Kind.SYMBOLIC_LINK);
  }

  /** With links, any two paths of the same name may be the same file. */
  private static boolean removesWhatItHasNamed(List<LayerItem> below, List<LayerItem> layer) {
    boolean hasLinks = hasLinks(below) || hasLinks(layer);
    for (int i = 0; i < layer.size(); i++) {
      LayerItem first = layer.get(i);
      if (first.kind() != Kind.DIRECTORY && first.kind() != Kind.SYMBOLIC_LINK) {
        continue;
      }
      for (LayerItem second : layer.subList(i + 1, layer.size())) {
        boolean isMerge = first.kind() == Kind.DIRECTORY && second.kind() == Kind.DIRECTORY;
        boolean isSame =
            (first.path() + "/").startsWith(second.path() + "/")
                || (hasLinks
                    && Arrays.asList(first.path().split("/")).contains(lastName(second.path())));
        if (isSame && !isMerge && second.kind() != Kind.OPAQUE) {
          return true;
        }
      }
    }
    return false;
  }

  /** {@return whether containerd may delete the layer's own entries, with their directory} */
  private static boolean isOpaqueTooLate(List<LayerItem> below, List<LayerItem> layer) {
    boolean hasLinks = hasLinks(below) || hasLinks(layer);
    for (int i = 0; i < layer.size(); i++) {
      String path = layer.get(i).path();
      for (LayerItem later : layer.subList(i + 1, layer.size())) {
        if (later.kind() == Kind.OPAQUE) {
          String prefix = later.path().isEmpty() ? "" : later.path() + "/";
          boolean isFurtherBelow =
              path.startsWith(prefix) && path.indexOf('/', prefix.length()) > 0;
          boolean isItself = layer.get(i).kind() == Kind.OPAQUE && path.startsWith(prefix);
          if (isFurtherBelow || isItself || (hasLinks && path.indexOf('/') > 0)) {
            return true;
          }
        }
      }
    }
    return false;
  }
}
