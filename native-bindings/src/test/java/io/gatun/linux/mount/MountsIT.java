package io.gatun.linux.mount;

import static io.gatun.linux.Failures.assertFails;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.PrivateMounts;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.FilesystemStatus;
import io.gatun.linux.file.FilesystemType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Statfs;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.Mounts.MountAttribute;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Mounts.OpenTreeFlag;
import io.gatun.linux.mount.Mounts.Propagation;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(PrivateMounts.class)
class MountsIT {

  private static final LinuxPath NONE = LinuxPath.of("none");
  private static final String MAPPED_UIDS = "0 100000 65536";

  @TempDir Path temporary;
  private LinuxPath source = LinuxPath.EMPTY;
  private LinuxPath target = LinuxPath.EMPTY;

  @BeforeEach
  void makeDirectories() throws Exception {
    source = LinuxPath.of(Files.createDirectory(temporary.resolve("source")));
    target = LinuxPath.of(Files.createDirectory(temporary.resolve("target")));
    Files.createFile(temporary.resolve("source/file"));
  }

  @Test
  void testsAreInvisibleToOthers() throws Exception {
    Mounts.mount(NONE, target, "tmpfs", Set.of(), "");
    assertThat(mountinfo("thread-self", target)).hasSize(1);
    assertThat(mountinfo("self", target)).isEmpty();
  }

  @Test
  void filesystemIsMountedAndUnmounted() throws Exception {
    Mounts.mount(NONE, target, "tmpfs", Set.of(MountFlag.NO_EXEC), "size=64k,mode=0711");
    FilesystemStatus status = Statfs.statfs(target);
    assertThat(status.type()).isEqualTo(FilesystemType.TMPFS);
    assertThat(status.blocks() * status.blockSizeBytes()).isEqualTo(64 << 10);
    assertThat(Stat.statx(Fd.CURRENT_DIRECTORY, target).mode()).isEqualTo(0711);
    assertThat(mountinfo("thread-self", target)).singleElement().asString().contains("noexec");
    Mounts.umount2(target);
    assertThat(mountinfo("thread-self", target)).isEmpty();
    assertFails("umount2", Errno.EINVAL, () -> Mounts.umount2(target));
  }

  @Test
  void bindMountBecomesReadOnlyByRemounting() throws Exception {
    LinuxPath file = target.resolve("file");
    Mounts.mount(source, target, "", Set.of(MountFlag.BIND), "");
    Mounts.mount(
        NONE, target, "", Set.of(MountFlag.BIND, MountFlag.REMOUNT, MountFlag.READ_ONLY), "");
    assertThat(Statfs.statfs(target).readOnly()).isTrue();
    assertFails("openat", Errno.EROFS, () -> Fcntl.open(file, OpenFlag.WRITE_ONLY));
    try (Fd reading = Fcntl.open(file)) {
      // Not an error: data written through another mount may be pending.
      Unistd.fsync(reading);
    }
    Fcntl.open(source.resolve("file"), OpenFlag.WRITE_ONLY).close();
  }

  @Test
  void mountInUseIsOnlyDetached() throws Exception {
    Mounts.mount(NONE, target, "tmpfs", Set.of(), "");
    try (Fd use = Fcntl.open(target, OpenFlag.DIRECTORY)) {
      assertFails("umount2", Errno.EBUSY, () -> Mounts.umount2(target));
      Mounts.umount2(target, UnmountFlag.DETACH, UnmountFlag.NO_FOLLOW);
      assertThat(mountinfo("thread-self", target)).isEmpty();
      Stat.mkdirat(use, LinuxPath.of("still"), 0755);
    }
  }

  @Test
  void failuresNameSourceAndTarget() {
    assertThatExceptionOfType(ErrnoException.class)
        .isThrownBy(() -> Mounts.mount(NONE, target, "nofs", Set.of(), ""))
        .withMessage("mount none -> " + target + ": ENODEV (No such device)");
    assertFails(
        "mount",
        Errno.ENOENT,
        () -> Mounts.mount(NONE, target.resolve("none"), "tmpfs", Set.of(), ""));
  }

  @Test
  void optionsThatTheKernelWouldCutAreRefused() throws Exception {
    String options = "mode=0711" + ",mode=0711".repeat(408);
    assertThat(options).hasSizeBetween(4080, 4095);
    Mounts.mount(NONE, target, "tmpfs", Set.of(), options);
    assertFails(
        "mount",
        Errno.E2BIG,
        () -> Mounts.mount(NONE, target, "tmpfs", Set.of(), options + ",mode=0777"));
  }

  @Test
  void filesystemIsBuiltStepByStep() throws Exception {
    try (Fd context = Mounts.fsopen("tmpfs")) {
      Mounts.fsconfigSetString(context, "source", "gatun-test");
      Mounts.fsconfigSetString(context, "size", "128k");
      Mounts.fsconfigSetFlag(context, "noswap");
      Mounts.fsconfigCreate(context);
      try (Fd mount = Mounts.fsmount(context, MountAttribute.NO_DEVICES, MountAttribute.NO_SUID)) {
        // Usable before it is attached.
        Stat.mkdirat(mount, LinuxPath.of("early"), 0755);
        Mounts.moveMount(mount, Fd.CURRENT_DIRECTORY, target);
      }
    }
    assertThat(Stat.tryStatx(Fd.CURRENT_DIRECTORY, target.resolve("early"))).isPresent();
    assertThat(mountinfo("thread-self", target))
        .singleElement()
        .asString()
        .contains("nosuid", "nodev", "gatun-test", "size=128k");
  }

  @Test
  void overlayIsBuiltWithLayersOneByOne() throws Exception {
    Files.createDirectories(temporary.resolve("upper"));
    Files.createDirectories(temporary.resolve("work"));
    LinuxPath odd =
        LinuxPath.of(temporary).resolve(LinuxPath.ofBytes(new byte[] {(byte) 0xff, ',', ':'}));
    Stat.mkdirat(Fd.CURRENT_DIRECTORY, odd, 0755);
    Stat.mkdirat(Fd.CURRENT_DIRECTORY, odd.resolve("below"), 0755);
    try (Fd context = Mounts.fsopen("overlay")) {
      Mounts.fsconfigSetString(context, "lowerdir+", source);
      Mounts.fsconfigSetString(context, "lowerdir+", odd);
      Mounts.fsconfigSetString(context, "upperdir", LinuxPath.of(temporary.resolve("upper")));
      Mounts.fsconfigSetString(context, "workdir", LinuxPath.of(temporary.resolve("work")));
      Mounts.fsconfigCreate(context);
      try (Fd mount = Mounts.fsmount(context)) {
        assertThat(Statfs.fstatfs(mount).type()).isEqualTo(FilesystemType.OVERLAY);
        assertThat(new DirectoryReader().all(reopened(mount)))
            .extracting(entry -> entry.name().toString())
            .containsExactlyInAnyOrder("file", "below");
      }
    }
  }

  @Test
  void refusedOptionIsExplainedByTheKernel() throws Exception {
    try (Fd context = Mounts.fsopen("overlay")) {
      assertThatExceptionOfType(ErrnoException.class)
          .isThrownBy(() -> Mounts.fsconfigSetString(context, "nonsense", "1"))
          .withMessageMatching("fsconfig overlay nonsense: EINVAL .*: e overlay: .*'nonsense'.*");
      assertThat(Mounts.messages(context)).isEmpty();
      assertFails("fsconfig", Errno.EINVAL, () -> Mounts.fsconfigCreate(context));
    }
  }

  @Test
  void unknownFilesystemIsNoDevice() {
    assertFails("fsopen", Errno.ENODEV, () -> Mounts.fsopen("nofs"));
  }

  @Test
  void cloneOfATreeIsChangedAndAttached() throws Exception {
    try (Fd tree =
        Mounts.openTree(Fd.CURRENT_DIRECTORY, source, OpenTreeFlag.CLONE, OpenTreeFlag.RECURSIVE)) {
      Mounts.mountSetattr(
          tree,
          LinuxPath.EMPTY,
          new MountChange(
              Set.of(MountAttribute.READ_ONLY, MountAttribute.NO_SUID),
              Optional.empty(),
              Optional.empty()),
          AtFlag.EMPTY_PATH);
      attach(tree);
    }
    assertThat(mountinfo("thread-self", target)).singleElement().asString().contains("ro,nosuid");
    Mounts.mountSetattr(Fd.CURRENT_DIRECTORY, target, MountChange.propagating(Propagation.SHARED));
    assertThat(mountinfo("thread-self", target))
        .singleElement()
        .asString()
        .contains("ro,nosuid,relatime", "shared:");
  }

  @Test
  void attachedMountIsMoved() throws Exception {
    LinuxPath elsewhere = LinuxPath.of(Files.createDirectory(temporary.resolve("elsewhere")));
    Mounts.mount(NONE, elsewhere, "tmpfs", Set.of(), "");
    try (Fd mount = Mounts.openTree(Fd.CURRENT_DIRECTORY, elsewhere)) {
      Mounts.moveMount(mount, Fd.CURRENT_DIRECTORY, target);
    }
    assertThat(Statfs.statfs(target).type()).isEqualTo(FilesystemType.TMPFS);
    assertThat(mountinfo("thread-self", elsewhere)).isEmpty();
  }

  @Test
  void idmappedMountShowsOtherOwners() throws Exception {
    Process holder = new ProcessBuilder("unshare", "--user", "sleep", "600").start();
    try {
      Path namespace = Path.of("/proc/" + holder.pid() + "/ns/user");
      Path own = Files.readSymbolicLink(Path.of("/proc/self/ns/user"));
      while (Files.readSymbolicLink(namespace).equals(own)) {
        TimeUnit.MILLISECONDS.sleep(1);
      }
      Files.writeString(Path.of("/proc/" + holder.pid() + "/uid_map"), MAPPED_UIDS);
      Files.writeString(Path.of("/proc/" + holder.pid() + "/gid_map"), MAPPED_UIDS);
      try (Fd userNamespace = Fcntl.open(LinuxPath.of(namespace));
          Fd tree = Mounts.openTree(Fd.CURRENT_DIRECTORY, source, OpenTreeFlag.CLONE)) {
        Mounts.mountSetattr(tree, LinuxPath.EMPTY, mapping(userNamespace), AtFlag.EMPTY_PATH);
        attach(tree);
      }
    } finally {
      holder.destroyForcibly().waitFor();
    }
    FileStatus shown = Stat.statx(Fd.CURRENT_DIRECTORY, target.resolve("file"));
    assertThat(shown.uid()).isEqualTo(100_000);
    assertThat(shown.gid()).isEqualTo(100_000);
    Unistd.fchownat(Fd.CURRENT_DIRECTORY, target.resolve("file"), 100_007, 100_008);
    FileStatus stored = Stat.statx(Fd.CURRENT_DIRECTORY, source.resolve("file"));
    assertThat(stored.uid()).isEqualTo(7);
    assertThat(stored.gid()).isEqualTo(8);
    // Root itself is not mapped and can own nothing there.
    assertFails(
        "mkdirat",
        Errno.EOVERFLOW,
        () -> Stat.mkdirat(Fd.CURRENT_DIRECTORY, target.resolve("new"), 0755));
  }

  @Test
  void idmappingNeedsAUserNamespaceOfItsOwn() throws Exception {
    try (Fd initial = Fcntl.open(LinuxPath.of("/proc/self/ns/user"));
        Fd tree = Mounts.openTree(Fd.CURRENT_DIRECTORY, source, OpenTreeFlag.CLONE)) {
      assertThatExceptionOfType(ErrnoException.class)
          .isThrownBy(
              () -> Mounts.mountSetattr(tree, LinuxPath.EMPTY, mapping(initial), AtFlag.EMPTY_PATH))
          .matches(e -> e.is(Errno.EPERM) || e.is(Errno.EINVAL));
    }
  }

  @Test
  void mountsOfAThreadAreItsOwn() throws Exception {
    Mounts.mount(NONE, target, "tmpfs", Set.of(), "");
    assertThat(mountinfo("thread-self", target)).hasSize(1);
    assertThat(mountinfo("self", target)).isEmpty();
  }

  private static MountChange mapping(Fd userNamespace) {
    return new MountChange(Set.of(), Optional.empty(), Optional.of(userNamespace));
  }

  private void attach(Fd tree) throws ErrnoException {
    Mounts.moveMount(tree, Fd.CURRENT_DIRECTORY, target);
  }

  /** fsmount returns an O_PATH descriptor; this one can be read. */
  private static Fd reopened(Fd place) throws ErrnoException {
    return Fcntl.openat(place, LinuxPath.of("."), OpenFlag.DIRECTORY);
  }

  private static List<String> mountinfo(String process, LinuxPath target) throws Exception {
    return Files.readAllLines(Path.of("/proc/" + process + "/mountinfo")).stream()
        .filter(line -> line.split(" ", -1)[4].equals(target.toString()))
        .toList();
  }
}
