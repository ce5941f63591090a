package io.gatun.snapshot.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.fixture.LoopFilesystem.Kind;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.root.LinuxDisk;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Copies have the holes of the originals, as reported by the filesystem. */
class CopiedHolesIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final int BLOCK_BYTES = 4096;

  private record Range(long start, long end) {}

  @ParameterizedTest
  @EnumSource
  void holesStayWhereTheyAre(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      try (Fd file = tree.create("middle")) {
        CopiedTree.write(file, 0, 5_000);
        CopiedTree.write(file, 1 << 20, 300_000);
      }
      try (Fd file = tree.create("start")) {
        CopiedTree.write(file, 70_000, 10);
      }
      try (Fd file = tree.create("end")) {
        CopiedTree.write(file, 0, 10);
        Unistd.ftruncate(file, 1 << 20);
      }
      try (Fd file = tree.create("many")) {
        // First, or XFS reserves the gap, which then appears as data.
        Unistd.ftruncate(file, 200L * BLOCK_BYTES);
        for (int i = 0; i < 100; i++) {
          CopiedTree.write(file, i * 2L * BLOCK_BYTES, BLOCK_BYTES);
        }
      }
      try (Fd file = tree.create("nothing-else")) {
        Unistd.ftruncate(file, 1 << 16);
      }
      assertLayoutIsKept(tree);
    }
  }

  @ParameterizedTest
  @EnumSource
  void holesMayBeLargerThanTheFilesystem(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      try (Fd file = tree.create("large")) {
        CopiedTree.write(file, 5L << 32, BLOCK_BYTES);
        CopiedTree.write(file, 7L << 32, BLOCK_BYTES);
        Unistd.ftruncate(file, 9L << 32);
      }
      Unistd.syncfs(tree.top());
      tree.copyWith(new LinuxDisk());
      assertThat(data(tree.copy(), LinuxPath.of("large")))
          .containsExactly(
              new Range(5L << 32, (5L << 32) + BLOCK_BYTES),
              new Range(7L << 32, (7L << 32) + BLOCK_BYTES));
      assertThat(tree.copied("large").sizeBytes()).isEqualTo(9L << 32);
    }
  }

  @ParameterizedTest
  @EnumSource
  void holesAreSeenThatBlocksForAttributesHide(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      try (Fd file = tree.create("block-for-attributes")) {
        CopiedTree.write(file, 0, BLOCK_BYTES);
        Unistd.ftruncate(file, 2 * BLOCK_BYTES);
        Xattr.fsetxattr(file, LinuxPath.of("user.long"), new byte[2_000]);
      }
      assertLayoutIsKept(tree);
    }
  }

  @ParameterizedTest
  @EnumSource
  void holesAreSeenThatReservedBlocksHide(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      try (Fd file = tree.create("reserved-and-not-written")) {
        Fcntl.fallocate(file, 0, 1 << 20);
        CopiedTree.write(file, 0, BLOCK_BYTES);
      }
      assertLayoutIsKept(tree);
    }
  }

  private static void assertLayoutIsKept(CopiedTree tree) throws ErrnoException {
    // Until a file is on disk, the page cache determines its holes; and once it is read, the cache
    // has zeros for reserved space, which then appears as data.
    Unistd.syncfs(tree.top());
    Map<LinuxPath, List<Range>> originals = new TreeMap<>();
    for (DirectoryEntry entry : new DirectoryReader().all(tree.top())) {
      List<Range> ranges = data(tree.top(), entry.name());
      long sizeBytes = Stat.statx(tree.top(), entry.name()).sizeBytes();
      assertThat(ranges).as("%s", entry.name()).isNotEqualTo(List.of(new Range(0, sizeBytes)));
      originals.put(entry.name(), ranges);
    }
    tree.copyWith(new LinuxDisk());
    Unistd.syncfs(tree.top());
    for (Map.Entry<LinuxPath, List<Range>> original : originals.entrySet()) {
      assertThat(data(tree.copy(), original.getKey()))
          .as("%s", original.getKey())
          .isEqualTo(original.getValue());
    }
    tree.compare();
  }

  private static List<Range> data(Fd parent, LinuxPath name) throws ErrnoException {
    List<Range> ranges = new ArrayList<>();
    try (Fd file = Fcntl.openat(parent, name)) {
      for (OptionalLong start = Unistd.seekData(file, 0); start.isPresent(); ) {
        long end = Unistd.seekHole(file, start.getAsLong()).orElseThrow();
        ranges.add(new Range(start.getAsLong(), end));
        start = Unistd.seekData(file, end);
      }
    }
    return ranges;
  }
}
