package io.gatun.snapshot.layer.extract;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.lower.TestTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Layers that try to break out. In every case, the surroundings of the tree are unchanged, and no
 * descriptor stays open.
 *
 * <p>Of the CVEs of appliers, those that apply to one like this are here by name, and those of tar
 * readers (CVE-2025-62518, CVE-2022-2879, CVE-2025-58183, and the unnumbered skipping over
 * malformed records in astral-tokio-tar) in {@code TarReaderTest}. Setting modes by path after
 * creating a file (containerd's pull request 12961, without a number) is in {@link TreeRaceTest}.
 * Modes of the directories above a snapshot's files (CVE-2021-41103, CVE-2024-25621) belong to the
 * drivers and are in {@code OverlayLayersIT}. The rest does not apply: nothing here imports images
 * (CVE-2023-25153), creates volumes (CVE-2022-23648), copies files into and out of containers
 * (CVE-2018-15664, CVE-2019-14271, CVE-2021-41089) or looks up users in an image (CVE-2024-9676).
 */
final class BreakoutTest {

  @TempDir Path directory;

  private Path outside;
  private TestTree tree;
  private List<String> before;
  private long descriptors;

  @BeforeEach
  void makeTrees() throws IOException {
    outside = Files.createDirectory(directory.resolve("outside"));
    Files.writeString(outside.resolve("secret"), "secret");
    Files.createDirectory(outside.resolve("d"));
    Files.writeString(outside.resolve("d/f"), "other");
    tree = TestTree.of(directory.resolve("snapshots/1/fs"), DeletionForm.OVERLAY);
    Files.writeString(directory.resolve("snapshots/1/beside"), "beside");
    before = around();
    // Opens everything that the JDK opens only once.
    descriptors = TestTree.descriptors();
  }

  private List<String> around() throws IOException {
    return TreeManifest.of(directory).stream()
        .filter(line -> !line.startsWith("snapshots/1/fs"))
        .toList();
  }

  @AfterEach
  void nothingAroundHasChanged() throws IOException {
    assertThat(around()).isEqualTo(before);
    assertThat(TestTree.descriptors()).isEqualTo(descriptors);
  }

  /** Applies a layer in a given form; it may succeed or fail. */
  private void attack(DeletionForm form, TarBuilder tar) throws IOException {
    TestTree target = new TestTree(tree.files(), form, List.of());
    try {
      target.apply(tar);
    } catch (TreeWriteException e) {
      assertThat(e).hasMessageContaining(e.errno().name());
    }
  }

  @ParameterizedTest
  @EnumSource
  void cve201493566407SymbolicLinksLeadNowhereOutside(DeletionForm form) throws IOException {
    for (String target :
        List.of(
            outside.toString(),
            "../../../outside",
            "/../../../../../.." + outside,
            "d/../../../../outside",
            "/proc/self/cwd",
            "/proc/1/root" + outside)) {
      attack(
          form,
          TarBuilder.pax()
              .symbolicLink("l", target)
              .file("l/secret", 0777, "broken")
              .file("l/new", 0777, "broken")
              .symbolicLink("m", "l/d")
              .file("m/f", 0777, "broken")
              .owner(7, 7)
              .directory("l/d", 0777)
              .whiteout("l/secret")
              .whiteout("l/d")
              .opaque("l/d")
              .opaque("l")
              .hardLink("h", 0777, "l/secret"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void pathsThatGoUpStayInside(DeletionForm form) throws IOException {
    for (String path : List.of("../beside", "/../../1/beside", "a/../../../beside", "..//../x")) {
      attack(
          form,
          TarBuilder.pax()
              .file(path, 0777, "broken")
              .symbolicLink(path, "x")
              .hardLink("h", 0777, path)
              .directory(path, 0777)
              .whiteout(path)
              .opaque(path));
      attack(form, TarBuilder.pax().file(outside + "/secret", 0777, "broken"));
      attack(form, TarBuilder.pax().whiteout("../beside").whiteout(outside + "/secret"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void hardLinksReachNothingOutside(DeletionForm form) throws IOException {
    for (String target :
        List.of(outside + "/secret", "../../../outside/secret", "l/secret", "m", "up/secret")) {
      attack(
          form,
          TarBuilder.pax()
              .symbolicLink("l", outside.toString())
              .symbolicLink("up", "../../../outside")
              .symbolicLink("m", outside + "/secret")
              .hardLink("h", 0777, target)
              .file("h", 0777, "broken")
              .hardLink("h", 0777, target)
              .owner(7, 7)
              .hardLink("h2", 04777, "h")
              .xattr("user.a", new byte[] {'1'})
              .hardLink("h3", 04777, "h2")
              .file("h/x", 0777, "broken"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void cve202132760ModesAreNotChangedThroughAHardLinkToALink(DeletionForm form) throws IOException {
    attack(
        form,
        TarBuilder.pax()
            .symbolicLink("s", outside + "/secret")
            .owner(7, 7)
            .xattr("user.a", new byte[] {'1'})
            .modified(1)
            .hardLink("h", 0777, "s"));
    assertThat(tree.line("h")).contains("SYMBOLIC_LINK mode=777 uid=7 gid=7");
  }

  @ParameterizedTest
  @EnumSource
  void cve202547290ADirectoryThatBecomesALinkIsNotRemembered(DeletionForm form) throws IOException {
    attack(
        form,
        TarBuilder.pax()
            .directory("a", 0755)
            .directory("a/d", 0755)
            .file("a/d/one", 0644, "")
            .symbolicLink("a", outside.toString())
            .file("a/d/f", 0777, "broken")
            .file("a/secret", 0777, "broken"));
    // Inside, as a container would see it.
    assertThat(tree.paths()).contains(outside.toString().substring(1) + "/d/f");
  }

  @ParameterizedTest
  @EnumSource
  void aDirectoryThatBecomesALinkByAWhiteoutIsNotRemembered(DeletionForm form) throws IOException {
    attack(
        form,
        TarBuilder.pax()
            .file("a/d/one", 0644, "")
            .whiteout("a")
            .symbolicLink("a", outside.toString())
            .file("a/d/f", 0777, "broken")
            .opaque("a/d")
            .whiteout("a/secret"));
    assertThat(tree.paths()).contains(outside.toString().substring(1) + "/d/f");
  }

  @ParameterizedTest
  @EnumSource
  void timesAreNotSetOutsideAtTheEnd(DeletionForm form) throws IOException {
    attack(
        form,
        TarBuilder.pax()
            .modified(1)
            .directory("d", 0755)
            .modified(1)
            .directory("p/d", 0755)
            .symbolicLink("d", outside + "/d")
            .symbolicLink("p", outside.toString()));
  }

  @ParameterizedTest
  @EnumSource
  void cve202129136TheTopIsNotReplaced(DeletionForm form) throws IOException {
    for (String top : List.of("/", ".", "./", "..", "a/..")) {
      attack(form, TarBuilder.pax().symbolicLink(top, outside.toString()));
      attack(form, TarBuilder.pax().file(top, 0777, "broken").hardLink("h", 0777, "f"));
    }
    assertThat(Files.isDirectory(tree.files())).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void devicesAreNeitherOpenedNorFollowed(DeletionForm form) throws IOException {
    attack(
        form,
        TarBuilder.pax()
            .device('3', "zero", 0666, 1, 5)
            .file("zero", 0644, "a file now")
            .fifo("p", 0666)
            .file("p", 0644, "a file now")
            .device('4', "disk", 0666, 250, 9)
            .directory("disk", 0755)
            .fifo("q", 0666)
            .hardLink("q2", 0600, "q"));
    assertThat(tree.line("zero")).contains("REGULAR");
    assertThat(tree.line("p")).contains("REGULAR");
    assertThat(tree.line("q2")).contains("FIFO mode=600");
  }
}
