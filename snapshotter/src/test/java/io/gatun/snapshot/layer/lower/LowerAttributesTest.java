package io.gatun.snapshot.layer.lower;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Implicit directories get the attributes of the lower layers. */
final class LowerAttributesTest {

  @TempDir Path directory;

  private TestTree nearest;
  private TestTree farthest;
  private TestTree upper;

  @BeforeEach
  void makeTrees() throws IOException {
    nearest = TestTree.of(directory.resolve("nearest"), DeletionForm.OVERLAY);
    farthest = TestTree.of(directory.resolve("farthest"), DeletionForm.OVERLAY);
    upper =
        TestTree.of(
            directory.resolve("upper"), DeletionForm.OVERLAY, nearest.files(), farthest.files());
  }

  @Test
  void ownerModeTimesAndAttributesAreTakenFromTheNearestLayer() throws IOException {
    nearest.apply(
        TarBuilder.pax()
            .owner(5, 6)
            .modified(7)
            .xattr("user.a", "1".getBytes(StandardCharsets.US_ASCII))
            .directory("a", 02750));
    farthest.apply(
        TarBuilder.pax().directory("a", 0700).owner(8, 9).modified(10).directory("a/b", 01777));
    TreeResult result = upper.apply(TarBuilder.pax().file("a/b/f", 0644, "x"));
    assertThat(upper.line("a"))
        .contains("DIRECTORY mode=2750 uid=5 gid=6 mtime=7.000000000 atime=7.", "user.a=31");
    assertThat(upper.line("a/b")).contains("mode=1777 uid=8 gid=9 mtime=10.000000000");
    assertThat(upper.line("a/b/f")).contains("mode=644 uid=0 gid=0");
    assertThat(result.implicitDirectories().orElseThrow()).hasSize(2);
  }

  @Test
  void somethingElseInANearerLayerEndsTheSearch() throws IOException {
    nearest.apply(TarBuilder.pax().whiteout("a").file("b", 0644, ""));
    farthest.apply(TarBuilder.pax().directory("a", 0700).directory("b/c", 0700));
    upper.apply(TarBuilder.pax().file("a/f", 0644, "").file("b/c/f", 0644, ""));
    assertThat(upper.line("a")).contains("mode=755");
    assertThat(upper.line("b")).contains("mode=755");
    assertThat(upper.line("b/c")).contains("mode=755");
  }

  @Test
  void linksInALowerLayerAreFollowedInsideIt() throws IOException {
    nearest.apply(TarBuilder.pax().directory("usr/lib", 0711).symbolicLink("lib", "/usr/lib"));
    upper.apply(TarBuilder.pax().file("lib/f", 0644, ""));
    assertThat(upper.line("lib")).contains("DIRECTORY mode=711");
    assertThat(upper.paths()).containsExactly("lib", "lib/f");
  }

  @Test
  void aLinkInALowerLayerThatLeadsInACircleEndsTheSearch() throws IOException {
    nearest.apply(TarBuilder.pax().symbolicLink("a", "../a"));
    farthest.apply(TarBuilder.pax().directory("a", 0700).directory("a/b", 0700));
    upper.apply(TarBuilder.pax().file("a/b/f", 0644, ""));
    assertThat(upper.line("a")).contains("DIRECTORY mode=755");
    assertThat(upper.line("a/b")).contains("DIRECTORY mode=755");
  }

  @Test
  void whatOverlayKeepsForItselfIsNotInherited() throws IOException {
    nearest.apply(TarBuilder.pax().directory("a", 0700));
    LinuxPath mark = LinuxPath.of("user.overlay.opaque");
    try (Fd below = SecureOpen.openTop(LinuxPath.of(nearest.files().resolve("a")))) {
      new LinuxDisk().setXattr(below, mark, new byte[] {'y'});
    }
    upper.apply(TarBuilder.pax().file("a/f", 0644, ""));
    assertThat(upper.line("a")).contains("mode=700");
    try (Fd made = SecureOpen.openTop(LinuxPath.of(upper.files().resolve("a")))) {
      assertThat(Xattr.fgetxattr(made, mark)).isEmpty();
    }
  }

  @Test
  void aDirectoryThatIsNamedLaterIsAsTheLayerSays() throws IOException {
    nearest.apply(TarBuilder.pax().owner(5, 5).modified(7).directory("a", 0700));
    TreeResult result =
        upper.apply(TarBuilder.pax().file("a/f", 0644, "").modified(9).directory("a", 0755));
    assertThat(upper.line("a")).contains("mode=755 uid=0 gid=0 mtime=9.");
    assertThat(result.implicitDirectories().orElseThrow())
        .containsExactly(implicit("a", ImplicitDirectory.Inherited.XATTRS));
  }

  /** A late inheritance includes the group that mkdir(2) would have set on the lower layers. */
  @Test
  void groupsThatArePassedOnBelowReachWhatWasMadeBefore() throws IOException {
    nearest.apply(
        TarBuilder.pax()
            .owner(0, 5)
            .directory("a", 02711)
            .directory("a/b", 0700)
            .owner(0, 5)
            .directory("n", 02711));
    byte[] layer =
        TarBuilder.pax()
            .whiteout("a/b")
            .file("a/b/f", 0644, "")
            .whiteout("a/c")
            .file("a/c/f", 0644, "")
            .directory("a/c", 0700)
            .file("a/d/f", 0644, "")
            .file("n/before/f", 0644, "")
            .directory("n", 0755)
            .file("n/after/f", 0644, "")
            .finish();
    upper.apply(new LinuxDisk(), layer, TestTree.Before.NOTHING);
    TestTree alone = TestTree.of(directory.resolve("alone"), DeletionForm.OVERLAY);
    TreeResult result = alone.apply(new LinuxDisk(), layer, TestTree.Before.NOTHING);
    assertThat(result.implicitDirectories().orElseThrow())
        .containsExactly(
            implicit("a", ImplicitDirectory.Inherited.ATTRIBUTES),
            implicit("a/b", ImplicitDirectory.Inherited.GROUP),
            implicit("a/d", ImplicitDirectory.Inherited.ATTRIBUTES_OR_GROUP),
            implicit("n", ImplicitDirectory.Inherited.XATTRS),
            implicit("n/before", ImplicitDirectory.Inherited.ATTRIBUTES_OR_GROUP),
            implicit("n/after", ImplicitDirectory.Inherited.ATTRIBUTES));
    TestTree onLowers = new TestTree(alone.files(), DeletionForm.OVERLAY, upper.lowers());
    try (ImplicitDirFixup inheritance =
        ImplicitDirFixup.open(
            new LinuxDisk(), onLowers.target(), result.implicitDirectories().orElseThrow())) {
      assertThat(inheritance.isDue()).isTrue();
      inheritance.run(true);
    }
    assertThat(alone.lines()).isEqualTo(upper.lines());
    for (String path : List.of("a/b", "a/d", "n/before")) {
      assertThat(alone.line(path)).contains("mode=755 uid=0 gid=5");
    }
  }

  private static ImplicitDirectory implicit(String path, ImplicitDirectory.Inherited inherited) {
    return new ImplicitDirectory(LinuxPath.of(path), inherited);
  }

  /** The index and the tree of a layer inherit the same attributes. */
  @Test
  void anIndexInheritsWhatTheTreeWouldHave() throws IOException {
    nearest.apply(
        TarBuilder.pax()
            .owner(5, 6)
            .modified(7)
            .xattr("user.a", "1".getBytes(StandardCharsets.US_ASCII))
            .directory("a", 02750)
            .whiteout("gone")
            .symbolicLink("lib", "/a"));
    farthest.apply(TarBuilder.pax().directory("a/b", 01777).directory("gone", 0700));
    LinuxPath mark = LinuxPath.of("user.overlay.opaque");
    try (Fd below = SecureOpen.openTop(LinuxPath.of(nearest.files().resolve("a")))) {
      new LinuxDisk().setXattr(below, mark, new byte[] {'y'});
      new LinuxDisk().setXattr(below, LinuxPath.of("trusted.b"), new byte[] {'y'});
    }
    upper.apply(
        TarBuilder.pax()
            .file("a/b/f", 0644, "x")
            .file("lib/f", 0644, "")
            .file("gone/f", 0644, "")
            .file("new/f", 0644, ""));
    LowerTreeAttributes inheritance = new LowerTreeAttributes(upper.target().lowers());
    for (String path : List.of("a", "a/b", "lib")) {
      InheritedAttributes inherited = inheritance.of(LinuxPath.of(path)).orElseThrow();
      try (Fd made = SecureOpen.openTop(LinuxPath.of(upper.files().resolve(path)))) {
        FileStatus status = Stat.statx(made);
        assertThat(inherited.mode()).as(path).isEqualTo(status.mode());
        assertThat(inherited.uid()).as(path).isEqualTo(status.uid());
        assertThat(inherited.gid()).as(path).isEqualTo(status.gid());
        assertThat(inherited.modified()).as(path).isEqualTo(status.modified());
        assertThat(inherited.xattrs().keySet())
            .as(path)
            .containsExactlyInAnyOrderElementsOf(Xattr.flistxattr(made));
        for (LinuxPath attribute : Xattr.flistxattr(made)) {
          assertThat(inherited.xattrs().get(attribute))
              .isEqualTo(Xattr.fgetxattr(made, attribute).orElseThrow());
        }
      }
    }
    assertThat(inheritance.of(LinuxPath.of("gone"))).as("whited out").isEmpty();
    assertThat(inheritance.of(LinuxPath.of("new"))).as("not there").isEmpty();
    assertThat(inheritance.of(LinuxPath.of("a")).orElseThrow().xattrs()).hasSize(1);
  }

  @Test
  void theTopOfAnIndexHasTheOwnerOfTheOneBelow() throws IOException {
    try (Fd below = SecureOpen.openTop(LinuxPath.of(nearest.files()))) {
      new LinuxDisk().setOwner(below, 5, 6);
    }
    InheritedAttributes top = new LowerTreeAttributes(upper.target().lowers()).ofTop();
    assertThat(top.uid()).isEqualTo(5);
    assertThat(top.gid()).isEqualTo(6);
    assertThat(top.mode()).isEqualTo(0755);
    assertThat(new LowerTreeAttributes(List.of()).ofTop().uid()).isZero();
  }
}
