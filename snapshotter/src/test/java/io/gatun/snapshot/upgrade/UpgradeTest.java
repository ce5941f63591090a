package io.gatun.snapshot.upgrade;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Usage;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.fsck.RootFinding;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every root that an earlier version has left is opened, with all that is in it. */
class UpgradeTest {

  private static final String STOPPED = "v1/stopped.tar.gz";

  @TempDir private Path scratch;

  private static InputStream resource(String name) {
    return Objects.requireNonNull(
        UpgradeTest.class.getResourceAsStream("/roots/" + name), () -> "no kept root " + name);
  }

  private Path unpack(String archive) throws IOException {
    Path copy = scratch.resolve("archive");
    try (InputStream in = resource(archive)) {
      Files.copy(in, copy);
    }
    Path root = Files.createDirectory(scratch.resolve("root"));
    LoopFilesystem.run(
        List.of(
            "tar",
            "--extract",
            "--gzip",
            "--no-same-owner",
            "--preserve-permissions",
            "--file=" + copy,
            "--directory=" + root));
    return root;
  }

  private static List<String> holds(String version) throws IOException {
    try (InputStream in = resource(version + "/holds.txt")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {STOPPED, "v1/killed.tar.gz"})
  void aRootOfAnEarlierVersionIsOpenedWithAllThatIsInIt(String archive) throws Exception {
    Path root = unpack(archive);
    try (EngineRoot engine = KeptRoot.open(root)) {
      assertThat(KeptRoot.describe(engine.snapshotter()))
          .containsExactlyElementsOf(holds(archive.substring(0, archive.indexOf('/'))));
      // It was counted by the version that wrote it, on another filesystem.
      assertThat(engine.snapshotter().usage("k8s.io/2/sha256:base"))
          .isEqualTo(new Usage(6, 16_384));
      engine.snapshotter().prepare("new", "k8s.io/4/sha256:upper", Map.of());
      engine.snapshotter().commit("new layer", "new", "", Map.of());
      engine.snapshotter().remove("k8s.io/5/container");
    }
    assertThat(RootCheck.of(root).findings())
        .noneMatch(finding -> finding.severity() == RootFinding.Severity.DAMAGE);
    try (EngineRoot engine = KeptRoot.open(root)) {
      assertThat(engine.snapshotter().stat("new layer").parent())
          .isEqualTo("k8s.io/4/sha256:upper");
    }
  }

  @Test
  void aRootOfALaterVersionIsLeftAloneAndASentenceSaysWhatToDo() throws Exception {
    Path root = unpack(STOPPED);
    Files.writeString(root.resolve("format"), "gatun-root 2\nsomething new\n");
    List<String> before = files(root);
    assertThatThrownBy(() -> KeptRoot.open(root).close())
        .isInstanceOf(UnusableRootException.class)
        .hasMessageContaining("layout version 2 and this Gatun knows version 1")
        .hasMessageContaining("use the Gatun that wrote it")
        .hasMessageNotContaining("\n");
    assertThat(files(root)).isEqualTo(before);
  }

  private static List<String> files(Path root) throws IOException {
    try (var paths = Files.walk(root)) {
      return paths.sorted().map(path -> path + " " + path.toFile().lastModified()).toList();
    }
  }
}
