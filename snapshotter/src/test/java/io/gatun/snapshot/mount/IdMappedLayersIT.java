package io.gatun.snapshot.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.driver.KeptIndex;
import io.gatun.snapshot.driver.MountedRoot;
import io.gatun.snapshot.driver.OverlayFeatures;
import io.gatun.snapshot.driver.OverlayMounts;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.driver.SnapshotPaths;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.erofs.IndexForm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The owners of files in indexed layers, as seen by containers with user namespaces. */
final class IdMappedLayersIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final OverlaySettings REMAPPING =
      new OverlaySettings(List.of(), false, true, false, false);
  private static final Map<String, String> MAPPED =
      Map.of(Chain.UID_MAPPING_LABEL, "0:100000:65536", Chain.GID_MAPPING_LABEL, "0:200000:65536");
  private static final Map<String, String> OTHERS =
      Map.of(Chain.UID_MAPPING_LABEL, "0:300000:65536");

  private record Owner(int uid, int gid) {}

  private static Owner owner(Path file) throws ErrnoException {
    FileStatus status = Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(file));
    return new Owner(status.uid(), status.gid());
  }

  /** A root with the indexed layer 1 below the directory 2. */
  private static final class Layers implements AutoCloseable {
    private final MountedRoot root;
    private final KeptIndex index;

    Layers(LoopFilesystem.Kind kind) throws IOException {
      Path work = FILESYSTEMS.of(kind).createDirectory("mapped");
      this.root = new MountedRoot(work.resolve("root"), IndexAccess.FILE);
      this.index =
          KeptIndex.of(
              work.resolve("layer"),
              IndexForm.OVERLAY,
              TarBuilder.pax()
                  .file("of-root", 0644, "root")
                  .owner(1000, 2000)
                  .file("of-user", 0644, "user")
                  .finish());
      root.show(1, index);
      Files.createDirectories(root.files(2));
      Files.writeString(root.files(2).resolve("of-directory"), "directory");
    }

    Chain chain(long id, Kind kind, Map<String, String> labels) {
      return new Chain(id, kind, List.of(Lower.directory(2), index.lower(1)), labels, false);
    }

    List<Mount> active(Chain chain) throws IOException {
      Files.createDirectories(root.files(chain.id()));
      Files.createDirectories(root.snapshot(chain.id()).resolve("work"));
      Unistd.fchownat(Fd.CURRENT_DIRECTORY, LinuxPath.of(root.files(chain.id())), 100_000, 200_000);
      return mounts(chain);
    }

    List<Mount> mounts(Chain chain) {
      return new OverlayMounts(
              new SnapshotPaths(root.path().toString()),
              REMAPPING,
              new OverlayFeatures(false, true))
          .of(chain);
    }

    List<MountEntry> shown() throws IOException {
      String place = root.path() + "/mapped/";
      return MountTable.read().stream()
          .filter(each -> each.mountPoint().toString().startsWith(place))
          .toList();
    }

    @Override
    public void close() throws IOException {
      root.mounts().unmount(1);
      root.mounts().unmount(2);
      assertThat(shown()).isEmpty();
      assertThat(root.path().resolve("mapped")).isEmptyDirectory();
      index.close();
      root.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void ownersAreMappedInIndexesAndDirectoriesAndWhatIsCopiedUp(LoopFilesystem.Kind kind)
      throws Exception {
    try (Layers layers = new Layers(kind)) {
      Chain chain = layers.chain(9, Kind.ACTIVE, MAPPED);
      layers.root.mapped().mount(chain);
      List<Mount> mounts = layers.active(chain);
      assertThat(mounts.getFirst().options()).noneMatch(option -> option.contains("map="));
      try (KernelMount container = KernelMount.of(mounts)) {
        Path top = container.path();
        assertThat(owner(top)).isEqualTo(new Owner(100_000, 200_000));
        assertThat(owner(top.resolve("of-root"))).isEqualTo(new Owner(100_000, 200_000));
        assertThat(owner(top.resolve("of-user"))).isEqualTo(new Owner(101_000, 202_000));
        assertThat(owner(top.resolve("of-directory"))).isEqualTo(new Owner(100_000, 200_000));
        Files.writeString(top.resolve("of-user"), "changed");
        assertThat(owner(top.resolve("of-user"))).isEqualTo(new Owner(101_000, 202_000));
      }
      assertThat(owner(layers.root.files(9).resolve("of-user")))
          .isEqualTo(new Owner(101_000, 202_000));
      assertThat(owner(layers.root.files(1).resolve("of-user"))).isEqualTo(new Owner(1000, 2000));
      Chain view = layers.chain(10, Kind.VIEW, MAPPED);
      try (KernelMount seen = KernelMount.of(layers.mounts(view))) {
        assertThat(owner(seen.path().resolve("of-root"))).isEqualTo(new Owner(100_000, 200_000));
      }
    }
  }

  @Test
  void viewOfOneLayerIsABindOfWhatIsMapped() throws Exception {
    try (Layers layers = new Layers(LoopFilesystem.Kind.EXT4)) {
      Chain chain = new Chain(9, Kind.VIEW, List.of(layers.index.lower(1)), OTHERS, false);
      layers.root.mapped().mount(chain);
      try (KernelMount seen = KernelMount.of(layers.mounts(chain))) {
        assertThat(owner(seen.path().resolve("of-user"))).isEqualTo(new Owner(301_000, 2000));
      }
    }
  }

  @Test
  void eachLayerIsMountedOnceForEachMappingUntilNobodyNeedsIt() throws Exception {
    try (Layers layers = new Layers(LoopFilesystem.Kind.EXT4)) {
      Chain first = layers.chain(9, Kind.VIEW, MAPPED);
      Chain second = layers.chain(10, Kind.VIEW, OTHERS);
      layers.root.mapped().mount(layers.chain(11, Kind.VIEW, Map.of()));
      assertThat(layers.shown()).isEmpty();
      layers.root.mapped().mount(first);
      layers.root.mapped().mount(layers.chain(12, Kind.VIEW, MAPPED));
      assertThat(layers.shown()).hasSize(2);
      layers.root.mapped().mount(second);
      assertThat(layers.shown()).hasSize(4);
      // Another daemon finds them.
      IndexMounts next = layers.root.restart();
      layers.root.mapped().mount(first);
      assertThat(layers.shown()).hasSize(4);
      KernelMount.of(layers.mounts(first)).close();
      KernelMount.of(layers.mounts(second)).close();
      next.unmount(2);
      assertThat(layers.shown()).hasSize(2);
      assertThatThrownBy(() -> KernelMount.of(layers.mounts(first)))
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
      next.unmount(1);
      assertThat(layers.shown()).isEmpty();
      layers.root.show(1, layers.index);
      layers.root.mapped().mount(first);
      layers.root.mapped().mount(second);
      next.unmount(1);
      assertThat(layers.shown()).isEmpty();
      assertThat(layers.root.path().resolve("mapped")).isEmptyDirectory();
      layers.root.show(1, layers.index);
      layers.root.mapped().mount(second);
      KernelMount.of(layers.mounts(second)).close();
    }
  }

  @Test
  void theyAreMadeAgainAfterARestartOfTheMachine() throws Exception {
    try (Layers layers = new Layers(LoopFilesystem.Kind.EXT4)) {
      Chain chain = layers.chain(9, Kind.VIEW, MAPPED);
      layers.root.mapped().mount(chain);
      for (MountEntry each : layers.shown()) {
        Mounts.umount2(each.mountPoint(), UnmountFlag.DETACH);
      }
      layers.root.mounts().unmount(1);
      assertThatThrownBy(() -> KernelMount.of(layers.mounts(chain)))
          .isInstanceOf(ErrnoException.class);
      assertThatThrownBy(() -> layers.root.mapped().mount(chain))
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
      assertThatThrownBy(() -> KernelMount.of(layers.mounts(chain)))
          .isInstanceOf(ErrnoException.class);
      layers.root.show(1, layers.index);
      layers.root.mapped().mount(chain);
      try (KernelMount seen = KernelMount.of(layers.mounts(chain))) {
        assertThat(owner(seen.path().resolve("of-user"))).isEqualTo(new Owner(101_000, 202_000));
      }
    }
  }

  @Test
  void aMappingThatTheKernelRefusesIsNamed() throws Exception {
    try (Layers layers = new Layers(LoopFilesystem.Kind.EXT4)) {
      Map<String, String> overlapping = Map.of(Chain.UID_MAPPING_LABEL, "0:100000:10,5:200000:10");
      assertThatThrownBy(
              () -> layers.root.mapped().mount(layers.chain(9, Kind.ACTIVE, overlapping)))
          .isInstanceOf(SnapshotException.InvalidArgument.class)
          .hasMessageContaining(Chain.UID_MAPPING_LABEL + "=0:100000:10,5:200000:10");
      assertThat(layers.shown()).isEmpty();
      layers.root.mapped().mount(layers.chain(9, Kind.ACTIVE, MAPPED));
    }
  }
}
