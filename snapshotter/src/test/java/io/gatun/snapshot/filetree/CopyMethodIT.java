package io.gatun.snapshot.filetree;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Ioctl;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.linux.file.Statfs;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.driver.CopiedTree;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.LoopFilesystem.Kind;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** How content is copied, which failures are remembered, and that nothing is synced. */
class CopyMethodIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final int FILES = 30;

  /** Large enough for a copy by the kernel, and to be visible beside the space for metadata. */
  private static final int LARGE_BYTES = 1 << 20;

  /** Each thread may be working on a file when the first failure is noted. */
  private static final int THREADS = 2;

  private static final List<String> SYNCS =
      List.of("sync", "syncData", "syncFilesystem", "startWriteback");

  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "EXT4")
  void copiesShareTheirBlocksWhereTheFilesystemCan(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      makeLargeFiles(tree);
      Unistd.syncfs(tree.top());
      long before = freeBytes(tree);
      DiskCalls calls = new DiskCalls(new LinuxDisk());
      tree.copyWith(calls.disk());
      tree.compare();
      Unistd.syncfs(tree.top());
      assertThat(before - freeBytes(tree)).isLessThan(FILES * (long) LARGE_BYTES / 4);
      assertThat(calls.count("cloneFile")).isEqualTo(FILES);
      assertThat(calls.count("copyRange") + calls.count("write")).isZero();
      assertThat(extents(tree.outside().resolve("target/large-7"))).contains("shared");
    }
  }

  @Test
  void withoutSharingTheKernelCopiesWhatIsLargeAndThatIsRemembered() throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(Kind.EXT4))) {
      makeLargeFiles(tree);
      tree.file("small");
      DiskCalls calls = new DiskCalls(new LinuxDisk());
      tree.copyWith(calls.disk());
      tree.compare();
      assertThat(calls.count("cloneFile")).isBetween(1, THREADS);
      assertThat(calls.count("copyRange")).isEqualTo(FILES);
      assertThat(calls.count("write")).isEqualTo(1);
      assertThat(extents(tree.outside().resolve("target/large-7"))).doesNotContain("shared");
    }
  }

  @Test
  void whatIsRememberedOutlivesOneCopy() throws Exception {
    DiskCalls calls = new DiskCalls(new LinuxDisk());
    TreeCopy copy = new TreeCopy(calls.disk(), THREADS);
    for (int round = 0; round < 3; round++) {
      try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(Kind.EXT4))) {
        makeLargeFiles(tree);
        tree.copyWith(copy);
        tree.compare();
      }
    }
    assertThat(calls.count("cloneFile")).isBetween(1, THREADS);
    // The memory is per pair of filesystems.
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(Kind.XFS))) {
      makeLargeFiles(tree);
      int before = calls.count("cloneFile");
      tree.copyWith(copy);
      tree.compare();
      assertThat(calls.count("cloneFile") - before).isEqualTo(FILES);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"EXDEV", "EOPNOTSUPP", "ENOSYS"})
  void withoutTheKernelContentsAreReadAndWrittenAndThatIsRemembered(Errno errno) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(Kind.EXT4))) {
      makeLargeFiles(tree);
      DiskCalls calls = new DiskCalls(new LinuxDisk());
      calls.fail("copyRange", errno);
      tree.copyWith(calls.disk());
      tree.compare();
      assertThat(calls.count("copyRange")).isBetween(1, THREADS);
      assertThat(calls.count("write")).isGreaterThanOrEqualTo(FILES);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"EINVAL", "EPERM", "ETXTBSY"})
  void whatDoesNotSuitSomeFilesIsTriedWithTheOthers(Errno errno) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(Kind.XFS))) {
      makeLargeFiles(tree);
      DiskCalls calls = new DiskCalls(new LinuxDisk());
      calls.fail("cloneFile", errno);
      calls.fail("copyRange", errno);
      tree.copyWith(calls.disk());
      tree.compare();
      assertThat(calls.count("cloneFile")).isEqualTo(FILES);
      assertThat(calls.count("copyRange")).isEqualTo(FILES);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"ENOSPC", "EIO", "EDQUOT"})
  void whatNoOtherMethodCouldDoFailsTheCopy(Errno errno) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(Kind.BTRFS))) {
      makeLargeFiles(tree);
      DiskCalls calls = new DiskCalls(new LinuxDisk());
      calls.fail("cloneFile", errno);
      assertThatThrownBy(() -> tree.copyWith(calls.disk()))
          .isInstanceOfSatisfying(
              ErrnoException.class, failure -> assertThat(failure.errno()).isEqualTo(errno));
      assertThat(calls.count("cloneFile")).isBetween(1, THREADS);
    }
  }

  @Test
  void fileThatMayNotShareBlocksIsCopiedAllTheSame() throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(Kind.BTRFS))) {
      try (Fd file = tree.create("overwritten-in-place")) {
        Ioctl.changeInodeFlags(file, Set.of(InodeFlag.NO_COPY_ON_WRITE), Set.of());
        CopiedTree.write(file, 0, LARGE_BYTES);
      }
      makeLargeFiles(tree);
      DiskCalls calls = new DiskCalls(new LinuxDisk());
      tree.copyWith(calls.disk());
      tree.compare();
      assertThat(calls.count("cloneFile")).isEqualTo(FILES + 1);
      assertThat(calls.count("copyRange")).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @EnumSource
  void nothingIsSynced(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      makeLargeFiles(tree);
      tree.directory("directory");
      DiskCalls calls = new DiskCalls(new LinuxDisk());
      tree.copyWith(calls.disk());
      assertThat(calls.count("createFile")).isEqualTo(FILES);
      assertThat(SYNCS).allSatisfy(call -> assertThat(calls.count(call)).as(call).isZero());
    }
  }

  private static void makeLargeFiles(CopiedTree tree) throws ErrnoException {
    for (int i = 0; i < FILES; i++) {
      try (Fd file = tree.create("large-" + i)) {
        CopiedTree.write(file, 0, LARGE_BYTES);
      }
    }
  }

  private static long freeBytes(CopiedTree tree) throws ErrnoException {
    var status = Statfs.fstatfs(tree.top());
    return status.freeBlocks() * status.blockSizeBytes();
  }

  /** {@return the filesystem's report of a file's extents (FIEMAP)} */
  private static String extents(Path file) throws IOException {
    Process process =
        new ProcessBuilder("filefrag", "-v", file.toString()).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(output).contains("extent");
    return output;
  }
}
