package io.gatun.snapshot.mount;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.MountChange;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Mounts.Propagation;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.driver.KeptIndex;
import io.gatun.snapshot.driver.MountedRoot;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.erofs.IndexForm;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Indexed layers in several mount namespaces. */
final class MountNamespacesIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private Path shared;
  private KeptIndex layer;
  private MountedRoot root;

  /** A process in its own mount namespace, which starts as a copy of this one. */
  private record Other(Process process) implements AutoCloseable {

    static Other of(String propagation) throws IOException {
      return start("unshare", "--mount", "--propagation", propagation, "cat");
    }

    /** Like a systemd service with its own mounts. */
    static Other ofService() throws IOException {
      return start(
          "unshare",
          "--mount",
          "--propagation",
          "slave",
          "sh",
          "-c",
          "mount --make-rshared / && exec cat");
    }

    private static Other start(String... command) throws IOException {
      Process process = new ProcessBuilder(command).start();
      // The reply shows that it is in its namespace and has its final name.
      BufferedWriter input = process.outputWriter(StandardCharsets.UTF_8);
      input.write("here\n");
      input.flush();
      assertThat(process.inputReader(StandardCharsets.UTF_8).readLine()).isEqualTo("here");
      return new Other(process);
    }

    List<Path> layers() throws IOException {
      return MountTable.ofProcess(process.pid()).stream()
          .filter(each -> each.type().equals("erofs"))
          .map(MountEntry::mountPoint)
          .map(each -> Path.of(each.toString()))
          .toList();
    }

    @Override
    public void close() throws IOException {
      process.destroyForcibly();
      process.onExit().join();
    }
  }

  @BeforeEach
  void makeSharedRoot() throws IOException {
    Path work = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("namespaces");
    shared = Files.createDirectory(work.resolve("shared"));
    LinuxPath place = LinuxPath.of(shared);
    Mounts.mount(place, place, "", Set.of(MountFlag.BIND), "");
    Mounts.mountSetattr(Fd.CURRENT_DIRECTORY, place, MountChange.propagating(Propagation.SHARED));
    layer =
        KeptIndex.of(
            work.resolve("layer"),
            IndexForm.OVERLAY,
            TarBuilder.pax().file("file", 0644, "content").finish());
    root = new MountedRoot(shared.resolve("root"), IndexAccess.FILE);
  }

  @AfterEach
  void unmountAll() throws IOException {
    root.close();
    layer.close();
    Mounts.umount2(LinuxPath.of(shared), UnmountFlag.DETACH);
  }

  @Test
  void mountsComeAndGoWhereverTheyAreShared() throws Exception {
    root.show(1, layer);
    try (Other other = Other.of("slave")) {
      assertThat(other.layers()).containsExactly(root.snapshot(1));
      root.show(2, layer);
      assertThat(other.layers()).containsExactlyInAnyOrder(root.snapshot(1), root.snapshot(2));
      root.mounts().unmount(1);
      assertThat(other.layers()).containsExactly(root.snapshot(2));
      root.mounts().unmount(2);
      assertThat(other.layers()).isEmpty();
      assertThat(ForeignMounts.find(root.path())).isEmpty();
    }
  }

  @Test
  void namespaceThatKeepsALayerIsNamedUntilItEnds() throws Exception {
    root.show(1, layer);
    try (Other other = Other.of("private")) {
      assertThat(ForeignMounts.find(root.path())).isEmpty();
      root.mounts().unmount(1);
      assertThat(ForeignMounts.find(root.path()))
          .containsExactly(
              new ForeignMounts(
                  other.process().pid(), "cat", List.of(LinuxPath.of(root.snapshot(1)))));
      assertThat(ForeignMounts.find(root.path().resolveSibling("another"))).isEmpty();
      // Its directory can be removed nevertheless.
      Files.delete(root.snapshot(1));
    }
    assertThat(ForeignMounts.find(root.path())).isEmpty();
  }

  private Optional<String> obstacle(long mounting, long using) throws IOException {
    return MountPropagation.obstacle(root.path(), mounting, using);
  }

  @Test
  void mountsReachWhoeverIsInTheSameNamespaceOrSharesThem() throws Exception {
    long self = ProcessHandle.current().pid();
    assertThat(obstacle(self, self)).isEmpty();
    try (Other slave = Other.of("slave");
        Other peer = Other.of("unchanged")) {
      assertThat(obstacle(self, slave.process().pid())).isEmpty();
      assertThat(obstacle(self, peer.process().pid())).isEmpty();
      assertThat(obstacle(peer.process().pid(), self)).isEmpty();
      // Neither is in a visible namespace, but the mount is shared.
      assertThat(obstacle(self, 0)).isEmpty();
    }
    try (Other alone = Other.of("private")) {
      long pid = alone.process().pid();
      assertThat(obstacle(pid, pid)).isEmpty();
    }
  }

  @Test
  void mountsThatDoNotReachAnotherNamespaceAreToldFromThoseThatDo() throws Exception {
    long self = ProcessHandle.current().pid();
    try (Other alone = Other.of("private");
        Other slave = Other.of("slave");
        Other service = Other.ofService()) {
      for (Other each : List.of(alone, slave)) {
        assertThat(obstacle(each.process().pid(), self))
            .hasValueSatisfying(
                reason -> assertThat(reason).contains(shared.toString(), "is not shared"));
        assertThat(obstacle(each.process().pid(), 0)).isPresent();
      }
      assertThat(obstacle(service.process().pid(), self))
          .hasValueSatisfying(
              reason -> assertThat(reason).contains(shared.toString(), "shared, but not with"));
      assertThat(obstacle(self, service.process().pid())).isEmpty();
      assertThat(obstacle(self, alone.process().pid())).isPresent();
    }
  }

  @Test
  void nothingIsSaidOfProcessesThatAreGone() throws Exception {
    long gone;
    try (Other other = Other.of("private")) {
      gone = other.process().pid();
    }
    assertThat(obstacle(gone, ProcessHandle.current().pid())).isEmpty();
    assertThat(obstacle(ProcessHandle.current().pid(), gone)).isEmpty();
  }

  @Test
  void snapshotIsMountedUntilTheLastNamespaceThatHasItsMountEnds() throws Exception {
    root.show(1, layer);
    Path container = KernelMount.of(root.active(2, List.of(layer.lower(1)))).path();
    try (Other _ = Other.of("private")) {
      // Its directory stays: removing it would remove the mounts on it in all namespaces.
      Mounts.umount2(LinuxPath.of(container), UnmountFlag.DETACH);
      assertThat(MountUsers.find(root.path()).active()).containsExactly(2L);
      assertThat(MountUsers.find(root.path().resolveSibling("another")).active())
          .doesNotContain(2L);
    }
    assertThat(MountUsers.find(root.path()).active()).doesNotContain(2L);
    Files.delete(container);
  }
}
