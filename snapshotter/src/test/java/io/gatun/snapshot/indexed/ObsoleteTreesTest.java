package io.gatun.snapshot.indexed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.engine.TestEngine;
import io.gatun.snapshot.mount.MountUsers;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.Root;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How long obsolete trees are kept. */
class ObsoleteTreesTest {

  private static final MountUsers NOBODY = new MountUsers(Map.of(), Set.of(), List.of());

  @TempDir Path directory;

  private final List<LinuxPath> trashed = new ArrayList<>();
  private MountUsers users = NOBODY;
  private @Nullable ErrnoException failure;
  private long nanoTime = -1;
  private Root root;
  private ObsoleteTrees trees;

  @BeforeEach
  void open() throws Exception {
    root = Root.open(new LinuxDisk(), directory.resolve("root"));
    trees = trees();
  }

  private ObsoleteTrees trees() {
    return new ObsoleteTrees(new LinuxDisk(), root, this::find, trashed::add, () -> nanoTime);
  }

  private MountUsers find() throws ErrnoException {
    if (failure != null) {
      throw failure;
    }
    return users;
  }

  @AfterEach
  void close() {
    trees.close();
    root.close();
  }

  private void setAside(long id) throws Exception {
    Path snapshot = directory.resolve("root/snapshots").resolve(Long.toString(id));
    Files.createDirectories(snapshot.resolve("fs"));
    Files.writeString(snapshot.resolve("fs/file"), "content");
    try (Fd opened = root.openDirectory(root.snapshots(), Root.snapshotName(id))) {
      trees.setAside(id, opened);
    }
    assertThat(snapshot).isEmptyDirectory();
  }

  private void pass(long millis) {
    nanoTime += TimeUnit.MILLISECONDS.toNanos(millis);
  }

  private static MountUsers overlays(long id, Long... devices) {
    Set<MountUsers.Overlay> overlays =
        Stream.of(devices)
            .map(device -> new MountUsers.Overlay(device, "rw"))
            .collect(Collectors.toSet());
    return new MountUsers(Map.of(id, overlays), Set.of(), List.of());
  }

  private Set<String> left() {
    return TestEngine.names(directory.resolve("root/superseded"));
  }

  @Test
  void treeThatNobodyUsesIsDeletedAfterAMoment() throws Exception {
    setAside(7);
    pass(ObsoleteTrees.SETTLING_MILLIS - 1);
    trees.look();
    assertThat(left()).containsExactly("7-1");
    pass(1);
    trees.look();
    assertThat(left()).isEmpty();
    assertThat(trashed).hasSize(1);
    assertThat(directory.resolve("root/trash").resolve(trashed.getFirst() + "/file"))
        .hasContent("content");
  }

  @Test
  void treeIsKeptUntilTheLastOverlayThatWasThereIsGone() throws Exception {
    setAside(7);
    pass(ObsoleteTrees.SETTLING_MILLIS);
    users = overlays(7, 100L, 101L);
    trees.look();
    users = overlays(7, 101L, 102L);
    trees.look();
    assertThat(left()).containsExactly("7-1");
    // Later overlays use the new form, even one with the device number of an earlier overlay.
    users = overlays(7, 100L, 102L);
    trees.look();
    assertThat(left()).isEmpty();
  }

  @Test
  void overlayThatHasTheNumberOfOneThatWasThereIsNotTakenForIt() throws Exception {
    setAside(7);
    pass(ObsoleteTrees.SETTLING_MILLIS);
    users = overlays(7, 100L);
    trees.look();
    assertThat(left()).containsExactly("7-1");
    MountUsers.Overlay other = new MountUsers.Overlay(100, "rw,xino=on");
    users = new MountUsers(Map.of(7L, Set.of(other)), Set.of(), List.of());
    trees.look();
    assertThat(left()).isEmpty();
  }

  private void assertNextLookIn(long millis) {
    assertThat(trees.untilNextLookNanos()).hasValue(TimeUnit.MILLISECONDS.toNanos(millis));
  }

  @Test
  void eachTreeHasItsFirstLookWhenItHasSettled() throws Exception {
    assertThat(trees.untilNextLookNanos()).isEmpty();
    users = overlays(7, 100L);
    setAside(7);
    assertNextLookIn(ObsoleteTrees.FIRST_LOOK_MILLIS);
    pass(4_000);
    setAside(8);
    assertNextLookIn(ObsoleteTrees.FIRST_LOOK_MILLIS - 4_000);
    pass(ObsoleteTrees.FIRST_LOOK_MILLIS - 4_000);
    trees.look();
    assertThat(left()).containsExactly("7-1", "8-1");
    // The other tree keeps its earlier time, and does not wait from now on.
    assertNextLookIn(4_000);
    pass(4_000);
    trees.look();
    assertThat(left()).containsExactly("7-1");
    assertNextLookIn(ObsoleteTrees.LOOK_MILLIS);
    pass(1_000);
    setAside(8);
    assertNextLookIn(ObsoleteTrees.FIRST_LOOK_MILLIS);
    users = NOBODY;
    pass(ObsoleteTrees.FIRST_LOOK_MILLIS);
    trees.look();
    assertThat(trees.untilNextLookNanos()).isEmpty();
  }

  @Test
  void treesAreLookedForTogetherIfOneComesSoonAfterTheOther() throws Exception {
    users = new MountUsers(Map.of(), Set.of(new MountUsers.Overlay(100, "rw")), List.of());
    setAside(7);
    pass(1_000);
    setAside(8);
    pass(ObsoleteTrees.FIRST_LOOK_MILLIS - 1_000);
    trees.look();
    assertNextLookIn(ObsoleteTrees.LOOK_MILLIS);
  }

  @Test
  void lookThatFailsIsNotRepeatedAtOnce() throws Exception {
    setAside(7);
    pass(ObsoleteTrees.FIRST_LOOK_MILLIS);
    failure = new ErrnoException("openat", Errno.EMFILE, LinuxPath.of("/proc"));
    assertThatThrownBy(() -> trees.look()).isSameAs(failure);
    assertNextLookIn(ObsoleteTrees.LOOK_MILLIS);
    failure = null;
    pass(ObsoleteTrees.LOOK_MILLIS);
    trees.look();
    assertThat(left()).isEmpty();
  }

  @Test
  void overlaysOfOtherLayersDoNotCount() throws Exception {
    setAside(7);
    pass(ObsoleteTrees.SETTLING_MILLIS);
    users = overlays(8, 100L);
    trees.look();
    assertThat(left()).isEmpty();
  }

  @Test
  void treeInWhichSomethingIsOpenIsKept() throws Exception {
    setAside(7);
    pass(ObsoleteTrees.SETTLING_MILLIS);
    users = new MountUsers(Map.of(), Set.of(), List.of("/var/lib/gatun/superseded/7-1/usr"));
    trees.look();
    assertThat(left()).containsExactly("7-1");
    users = new MountUsers(Map.of(), Set.of(), List.of("/var/lib/gatun/superseded/7-10"));
    trees.look();
    assertThat(left()).isEmpty();
  }

  @Test
  void eachTreeOfALayerHasANameOfItsOwn() throws Exception {
    setAside(7);
    setAside(7);
    setAside(70);
    assertThat(left()).containsExactly("7-1", "7-2", "70-1");
    pass(ObsoleteTrees.SETTLING_MILLIS);
    trees.look();
    assertThat(left()).isEmpty();
    assertThat(trashed).doesNotHaveDuplicates().hasSize(3);
  }

  @Test
  void whatADaemonBeforeHasLeftIsFoundAndCountsAsIfItWereNew() throws Exception {
    setAside(7);
    Files.createDirectory(directory.resolve("root/superseded/other"));
    trees.close();
    trees = trees();
    trees.start();
    users = overlays(7, 100L);
    trees.look();
    pass(ObsoleteTrees.SETTLING_MILLIS);
    trees.look();
    assertThat(left()).containsExactly("7-1", "other");
    users = NOBODY;
    trees.look();
    assertThat(left()).containsExactly("other");
  }
}
