package io.gatun.snapshot.mount;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.driver.FilesystemProbe;
import io.gatun.snapshot.driver.OverlayProbeResult;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.layer.index.SampleIndex;
import io.gatun.snapshot.mount.IndexProbeResult.Fails;
import io.gatun.snapshot.mount.IndexProbeResult.NoRoom;
import io.gatun.snapshot.mount.IndexProbeResult.Unprotected;
import io.gatun.snapshot.mount.IndexProbeResult.Works;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.FileProtection;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The result of the probe on this machine's filesystems. */
final class IndexProbeIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static IndexProbeResult trial(Path directory) throws IOException {
    int mounts = MountTable.read().size();
    IndexProbeResult result =
        new IndexProbe(new LinuxDisk(), directory, new SampleIndex(), "", FileProtection.NONE)
            .run();
    assertThat(MountTable.read()).hasSize(mounts);
    try (Stream<Path> left = Files.list(directory)) {
      assertThat(left).isEmpty();
    }
    return result;
  }

  @ParameterizedTest
  @EnumSource(names = {"EXT4", "XFS"})
  void filesAreReadDirectlyWhereTheKernelDoesThat(LoopFilesystem.Kind kind) throws Exception {
    assertThat(trial(FILESYSTEMS.of(kind).createDirectory("trial")))
        .isEqualTo(
            new Works(
                IndexAccess.DIRECT,
                "EROFS works on this root straight from files, with direct I/O"));
  }

  /** Its direct I/O needs whole blocks, which are larger than those of a tar. */
  @Test
  void btrfsReadsThroughThePageCache() throws Exception {
    assertThat(trial(FILESYSTEMS.of(LoopFilesystem.Kind.BTRFS).createDirectory("trial")))
        .isEqualTo(
            new Works(
                IndexAccess.FILE,
                "EROFS works on this root straight from files; not straight from files, with direct"
                    + " I/O: the tar is in the page cache nevertheless"));
  }

  @Test
  void diskOfLargeBlocksIsReadThroughThePageCache() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("large-blocks");
    Path image = Files.createFile(directory.resolve("image"));
    Path top = Files.createDirectory(directory.resolve("top"));
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(64 << 20);
    }
    // A device that is detached while in use stays until it is unused.
    LoopFilesystem.run(
        List.of(
            "sh",
            "-c",
            "device=$(losetup --find --show --sector-size 4096 $0) && mkfs.ext4 -q $device"
                + " && mount $device $1; losetup --detach $device; mountpoint --quiet $1",
            image.toString(),
            top.toString()));
    try {
      assertThat(trial(Files.createDirectory(top.resolve("trial"))))
          .isInstanceOfSatisfying(
              Works.class,
              works -> {
                assertThat(works.access()).isEqualTo(IndexAccess.FILE);
                assertThat(works.reason())
                    .contains("; not straight from files, with direct I/O: ")
                    .contains("EIO");
              });
    } finally {
      Mounts.umount2(LinuxPath.of(top));
    }
  }

  @Test
  void devicesAreTakenOnATmpfsAndItIsSaidWhy() throws Exception {
    Path directory = Files.createTempDirectory("trial-");
    LinuxPath place = LinuxPath.of(directory);
    Mounts.mount(LinuxPath.of("tmpfs"), place, "tmpfs", Set.of(), "");
    try {
      assertThat(trial(directory))
          .isInstanceOfSatisfying(
              Works.class,
              works -> {
                assertThat(works.access()).isEqualTo(IndexAccess.LOOP);
                assertThat(works.reason())
                    .contains(
                        "through loop devices; not ", "; not straight from files: ", "ENOTBLK");
              });
    } finally {
      Mounts.umount2(place, UnmountFlag.DETACH);
      Files.delete(directory);
    }
  }

  @Test
  void rootOnAnOverlayIsRefused() throws Exception {
    Path base = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("overlay");
    for (String name : new String[] {"lower", "upper", "work", "shown"}) {
      Files.createDirectory(base.resolve(name));
    }
    LinuxPath shown = LinuxPath.of(base.resolve("shown"));
    Mounts.mount(
        LinuxPath.of("overlay"),
        shown,
        "overlay",
        Set.of(),
        "lowerdir=%1$s/lower,upperdir=%1$s/upper,workdir=%1$s/work".formatted(base));
    try {
      assertThat(trial(base.resolve("shown")))
          .isEqualTo(new Fails("the root is itself on an overlay filesystem"));
    } finally {
      Mounts.umount2(shown);
    }
  }

  @Test
  void fullFilesystemIsNoAnswer() throws Exception {
    Path directory = Files.createTempDirectory("trial-");
    LinuxPath place = LinuxPath.of(directory);
    Mounts.mount(LinuxPath.of("tmpfs"), place, "tmpfs", Set.of(), "nr_blocks=1");
    try {
      assertThat(trial(directory)).isInstanceOf(NoRoom.class);
    } finally {
      Mounts.umount2(place, UnmountFlag.DETACH);
      Files.delete(directory);
    }
  }

  @Test
  void layerThatIsReadWronglyIsNotedForEachWay() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("trial");
    SampleLayer wrong =
        new SampleLayer() {
          @Override
          public byte[] content() {
            return new byte[1024];
          }

          @Override
          public void write(Disk disk, Fd at, LinuxPath tar, LinuxPath index)
              throws ErrnoException {
            new SampleIndex().write(disk, at, tar, index);
          }
        };
    assertThat(new IndexProbe(new LinuxDisk(), directory, wrong, "", FileProtection.NONE).run())
        .isEqualTo(
            new Fails(
                "straight from files, with direct I/O: a file of a layer does not have the"
                    + " layer's content; straight from files: a file of a layer does not have the"
                    + " layer's content; through loop devices: a file of a layer does not have the"
                    + " layer's content"));
  }

  /** A kernel with SELinux, which this test does not need, may accept the context. */
  @Test
  void contextThatTheKernelDoesNotTakeIsNamedAsItIsConfigured() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("trial");
    assertThat(
            new IndexProbe(
                    new LinuxDisk(),
                    directory,
                    new SampleIndex(),
                    "no:such:context",
                    FileProtection.NONE)
                .run())
        .isInstanceOfSatisfying(
            Fails.class,
            fails ->
                assertThat(fails.reason())
                    .startsWith(
                        "with selinux_context = \"no:such:context\": straight from files, with"
                            + " direct I/O: fsconfig erofs context: EINVAL")
                    .contains("through loop devices: fsconfig erofs context: EINVAL"));
    assertThat(directory).isEmptyDirectory();
  }

  @ParameterizedTest
  @EnumSource
  void filesThatAreToBeImmutableAreTriedAndTakenAwayAgain(LoopFilesystem.Kind kind)
      throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("trial");
    IndexProbe probe =
        new IndexProbe(new LinuxDisk(), directory, new SampleIndex(), "", FileProtection.IMMUTABLE);
    assertThat(probe.run()).isInstanceOf(Works.class);
    assertThat(directory).isEmptyDirectory();
  }

  /** None of these was created with it, whatever the kernel supports. */
  @ParameterizedTest
  @EnumSource(names = {"EXT4", "XFS"})
  void protectionThatTheFilesystemHasNotIsNamedAsItIsConfigured(LoopFilesystem.Kind kind)
      throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("trial");
    IndexProbe probe =
        new IndexProbe(new LinuxDisk(), directory, new SampleIndex(), "", FileProtection.VERITY);
    assertThat(probe.run())
        .isInstanceOfSatisfying(
            Unprotected.class,
            unprotected ->
                assertThat(unprotected.reason())
                    .startsWith("with layer_protection = \"verity\": FS_IOC_ENABLE_VERITY ")
                    .matches(".*/index-trial/tar: (EOPNOTSUPP|ENOTTY) .*"));
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void probeOfAFilesystemTellsOfItAndLeavesNothing() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.XFS).createDirectory("probe");
    FilesystemProbe probe =
        FilesystemProbe.of(new LinuxDisk(), directory, new SampleIndex(), "", FileProtection.NONE);
    assertThat(probe.index()).isInstanceOf(Works.class);
    assertThat(probe.overlay()).isInstanceOf(OverlayProbeResult.Works.class);
    assertThat(probe.noReflink()).isEmpty();
    assertThat(directory).isEmptyDirectory();
  }
}
