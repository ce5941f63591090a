package io.gatun.snapshot.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystem.Kind;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A copy reads nothing outside its source and writes nothing outside its target. */
class TreeCopyConfinementIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  @ParameterizedTest
  @EnumSource
  void symbolicLinksAreCopiedAndNeverFollowed(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      Path outside = Files.createDirectories(tree.outside().resolve("outside"));
      Files.createDirectory(outside.resolve("directory"));
      Files.writeString(outside.resolve("directory/file"), "untouched");
      Files.writeString(outside.resolve("file"), "untouched");
      tree.directory("directory");
      for (String target :
          List.of(
              outside.toString(),
              outside.resolve("directory").toString(),
              outside.resolve("file").toString(),
              "../outside",
              "../../outside/directory",
              "/",
              "..",
              ".",
              "/proc/self/root",
              "/dev/null",
              "nowhere",
              "directory")) {
        String name = "link-to-" + target.replace('/', '_');
        tree.link(name, target);
        tree.link("directory/" + name, target);
      }
      tree.link("loop-a", "loop-b");
      tree.link("loop-b", "loop-a");
      tree.link("loop-c", "loop-c");
      List<String> before = TreeManifest.of(outside);
      tree.copyAndCompare();
      assertThat(TreeManifest.of(outside)).isEqualTo(before);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsMountedInTheSourceIsNotCopied(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      tree.directory("directory");
      String directory = tree.source().resolve("directory").toString();
      LoopFilesystem.run(List.of("mount", "-t", "tmpfs", "none", directory));
      try {
        Files.createFile(Path.of(directory, "of-somebody-else"));
        assertThatThrownBy(() -> tree.copyWith(new LinuxDisk()))
            .isInstanceOf(ErrnoException.class)
            .hasMessageContaining("EXDEV");
        assertThat(tree.outside().resolve("target/directory")).isEmptyDirectory();
      } finally {
        LoopFilesystem.run(List.of("umount", directory));
      }
    }
  }
}
