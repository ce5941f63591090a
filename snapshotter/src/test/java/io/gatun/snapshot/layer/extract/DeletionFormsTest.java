package io.gatun.snapshot.layer.extract;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.lower.TestTree;
import io.gatun.snapshot.layer.lower.TreeReset;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whiteouts and opaque directories, as marks and by deletion. */
final class DeletionFormsTest {

  @TempDir Path directory;

  private TestTree overlay() throws IOException {
    return TestTree.of(directory.resolve("upper"), DeletionForm.OVERLAY);
  }

  /** A copy of the lower layers, in which the layer deletes. */
  private TestTree copy() throws IOException {
    TestTree tree = TestTree.of(directory.resolve("copy"), DeletionForm.IN_PLACE);
    tree.apply(
        TarBuilder.pax()
            .directory("d", 0755)
            .file("d/f", 0644, "below")
            .file("d/sub/deep/g", 0644, "below")
            .file("d/sub/h", 0644, "below")
            .symbolicLink("s", "d")
            .symbolicLink("dead", "nowhere"));
    return tree;
  }

  @Test
  void anOverlayMarksWhatIsGone() throws IOException {
    TestTree tree = overlay();
    tree.apply(TarBuilder.pax().owner(3, 4).whiteout("d/f").whiteout("g").opaque("d/sub"));
    assertThat(tree.line("d/f")).contains("CHARACTER_DEVICE mode=0 uid=3 gid=4", "rdev=0:0");
    assertThat(tree.line("g")).contains("CHARACTER_DEVICE mode=0 uid=0 gid=0", "rdev=0:0");
    assertThat(tree.isOpaque("d/sub")).isTrue();
    assertThat(tree.isOpaque("d")).isFalse();
  }

  @Test
  void anOverlayForUsersHasItsOwnMark() throws IOException {
    TestTree tree = TestTree.of(directory.resolve("upper"), DeletionForm.OVERLAY_USERXATTR);
    tree.apply(TarBuilder.pax().directory("d", 0755).opaque("d").whiteout("f"));
    assertThat(tree.isOpaque("d")).isTrue();
    assertThat(tree.line("f")).contains("rdev=0:0");
  }

  @Test
  void opaqueMarksMayComeBeforeAndAfterTheirDirectory() throws IOException {
    TestTree tree = overlay();
    tree.apply(
        TarBuilder.pax()
            .opaque("before")
            .modified(5)
            .directory("before", 0700)
            .directory("after", 0700)
            .file("after/f", 0644, "")
            .opaque("after"));
    assertThat(tree.isOpaque("before")).isTrue();
    assertThat(tree.line("before")).contains("mode=700", "mtime=5.");
    assertThat(tree.isOpaque("after")).isTrue();
    assertThat(tree.paths()).contains("after/f");
  }

  @Test
  void aCopyLosesWhatIsGone() throws IOException {
    TestTree tree = copy();
    tree.apply(TarBuilder.pax().whiteout("d/f").whiteout("d/sub").whiteout("never"));
    assertThat(tree.paths()).containsExactly("d", "dead", "s");
  }

  @ParameterizedTest
  @EnumSource(
      value = DeletionForm.class,
      names = {"OVERLAY", "IN_PLACE"})
  void aWhiteoutOfALinkHidesTheLinkAndNotItsTarget(DeletionForm form) throws IOException {
    TestTree tree = form == DeletionForm.IN_PLACE ? copy() : overlay();
    tree.apply(TarBuilder.pax().directory("d", 0755).file("d/f", 0644, "kept"));
    tree.apply(TarBuilder.pax().symbolicLink("s", "d").whiteout("s").whiteout("dead"));
    assertThat(Files.readString(tree.files().resolve("d/f"))).isEqualTo("kept");
    assertThat(tree.line("s")).doesNotContain("SYMBOLIC_LINK");
  }

  @Test
  void whiteoutsFollowLinksToTheirDirectory() throws IOException {
    TestTree tree = copy();
    tree.apply(TarBuilder.pax().whiteout("s/f").opaque("s/sub"));
    assertThat(tree.paths()).containsExactly("d", "d/sub", "dead", "s");
  }

  @Test
  void anOpaqueDirectoryInACopyKeepsWhatTheLayerHasWritten() throws IOException {
    TarBuilder[] orders = {
      TarBuilder.pax().opaque("d").file("d/new", 0644, "").file("d/sub/deep/new", 0644, ""),
      TarBuilder.pax().file("d/new", 0644, "").file("d/sub/deep/new", 0644, "").opaque("d"),
      TarBuilder.pax().file("d/new", 0644, "").opaque("d").file("d/sub/deep/new", 0644, "")
    };
    for (int i = 0; i < orders.length; i++) {
      TestTree tree = copy();
      tree.apply(orders[i]);
      assertThat(tree.paths())
          .as("order %d", i)
          .containsExactly("d", "d/new", "d/sub", "d/sub/deep", "d/sub/deep/new", "dead", "s");
      TreeReset.to(new LinuxDisk(), tree.target().files()).run();
    }
  }

  @Test
  void theDirectoryOfAFileThatIsOnlyLinkedToIsNotKept() throws IOException {
    TestTree tree = copy();
    tree.apply(TarBuilder.pax().hardLink("h", 0644, "d/sub/deep/g").opaque("d"));
    assertThat(tree.paths()).containsExactly("d", "dead", "h", "s");
    assertThat(Files.readString(tree.files().resolve("h"))).isEqualTo("below");
  }

  @Test
  void anOpaqueTopInACopyDeletesEverythingBelow() throws IOException {
    TestTree tree = copy();
    tree.apply(TarBuilder.pax().file("d/f", 0644, "new").file(".wh..wh..opq", 0644, ""));
    assertThat(tree.paths()).containsExactly("d", "d/f");
  }

  @Test
  void whatTheLayerHasWrittenBeforeIsGoneWithAWhiteout() throws IOException {
    TestTree tree = overlay();
    tree.apply(TarBuilder.pax().file("d/f", 0644, "").whiteout("d").whiteout("x").whiteout("x"));
    assertThat(tree.line("d")).contains("rdev=0:0");
    assertThat(tree.line("x")).contains("rdev=0:0");
    TestTree copy = copy();
    copy.apply(TarBuilder.pax().file("x", 0644, "").whiteout("x"));
    assertThat(copy.paths()).doesNotContain("x");
  }

  @Test
  void aDirectoryInThePlaceOfAWhiteoutHidesWhatIsBelow() throws IOException {
    TestTree tree = overlay();
    tree.apply(
        TarBuilder.pax()
            .whiteout("named")
            .directory("named", 0700)
            .whiteout("needed")
            .file("needed/by/f", 0644, "x")
            .whiteout("f")
            .file("f", 0644, "x"));
    assertThat(tree.isOpaque("named")).isTrue();
    assertThat(tree.isOpaque("needed")).isTrue();
    assertThat(tree.isOpaque("needed/by")).isFalse();
    assertThat(tree.line("f")).contains("REGULAR");
    TestTree copy = copy();
    copy.apply(TarBuilder.pax().whiteout("d").file("d/new", 0644, "x"));
    assertThat(copy.paths()).containsExactly("d", "d/new", "dead", "s");
  }

  @Test
  void usageOfACopyIsThatOfAllThatIsLeft() throws IOException {
    assertThat(copy().apply(TarBuilder.pax().whiteout("d/sub")).usage().inodes()).isEqualTo(5);
  }
}
