package io.gatun.snapshot.layer.erofs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Timespec;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LayerAttributes;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerPath;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.index.LayerIndexer;
import io.gatun.snapshot.layer.tar.TarExtent;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.spill.PagedMemory;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Goal: numbers beyond 16, 31 and 32 bits are preserved in an index, and values that do not fit are
 * refused. Method: entries are synthetic, and their tar is a sparse file with content where a test
 * reads it.
 */
final class IndexLimitsIT {

  private static final int SHORT_MAX = 0xffff;
  private static final int LINKS = 70_000;
  private static final long BEYOND_INT = 5L << 30;
  private static final long BEYOND_SIGNED_BLOCKS = (1L << 40) + (1L << 38);

  /** The last block that EROFS can address. */
  private static final long LAST_BLOCK = 0xffff_fffdL << 9;

  private static final LayerAttributes ATTRIBUTES =
      new LayerAttributes(0644, 1, 2, new Timespec(3, 4), new Timespec(3, 4), List.of());

  private final LinuxDisk disk = new LinuxDisk();
  private Path directory;
  private Fd at;
  private LayerIndexer indexer;
  private long tarBytes = 512;

  @BeforeEach
  void makeIndexer() throws IOException {
    // On a disk: the kernel does not mount files that are in memory.
    directory = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "limits-");
    at = Fcntl.open(LinuxPath.of(directory), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
    indexer = indexer(new PagedMemory(new Spill(disk, at), LayerIndexer.RESIDENT_BYTES));
  }

  private static LayerIndexer indexer(PagedMemory memory) throws IOException {
    return new LayerIndexer(
        IndexForm.OVERLAY, InheritedAttributes.ofTop(), LowerAttributes.NOTHING, memory);
  }

  @AfterEach
  void delete() {
    indexer.close();
    at.close();
    LoopFilesystem.run(List.of("rm", "-rf", directory.toString()));
  }

  private static LayerPath path(String directory, String name) {
    return new LayerPath(LinuxPath.of(directory), LinuxPath.of(name));
  }

  private void add(LayerEntry entry) throws IOException {
    indexer.entry(entry, () -> ByteBuffer.allocate(0));
  }

  private void addFile(String name, long sizeBytes, long offset) throws IOException {
    add(
        new LayerEntry.RegularFile(
            path("", name), ATTRIBUTES, sizeBytes, List.of(new TarExtent(0, sizeBytes)), offset));
    tarBytes = Math.max(tarBytes, offset + sizeBytes);
  }

  private void addLinks(String name, int count) throws IOException {
    addFile(name, 0, 0);
    for (int i = 1; i < count; i++) {
      add(new LayerEntry.HardLink(path(name + "s", "l" + i), ATTRIBUTES, path("", name)));
    }
  }

  /** Reads the files of a mounted index. */
  private interface Looker {
    void look(Path files) throws IOException;
  }

  private void mount(Looker looker) throws IOException {
    Path tar = directory.resolve("tar");
    try (RandomAccessFile file = new RandomAccessFile(tar.toFile(), "rw")) {
      file.setLength(Math.max(file.length(), Erofs.align(tarBytes, Erofs.BLOCK_BYTES)));
    }
    try (Fd index = disk.createFile(at, LinuxPath.of("index"), 0600)) {
      indexer.finish(disk, index, new Digest("sha256:" + "0".repeat(64)), tarBytes);
    }
    Path target = Files.createDirectory(directory.resolve("mounted"));
    Mounts.mount(
        LinuxPath.of(directory.resolve("index")),
        LinuxPath.of(target),
        "erofs",
        Set.of(MountFlag.READ_ONLY),
        "device=" + tar);
    try {
      looker.look(target.resolve("fs"));
    } finally {
      Mounts.umount2(LinuxPath.of(target), UnmountFlag.DETACH);
    }
  }

  private void writeTar(long offset, String content) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(directory.resolve("tar").toFile(), "rw")) {
      file.seek(offset);
      file.write(content.getBytes(StandardCharsets.US_ASCII));
    }
  }

  private static String read(Path path, long offset, int length) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "r")) {
      file.seek(offset);
      byte[] content = new byte[length];
      file.readFully(content);
      return new String(content, StandardCharsets.US_ASCII);
    }
  }

  @Test
  void linksBeyondSixteenBits() throws IOException {
    addLinks("fit", SHORT_MAX);
    addLinks("more", SHORT_MAX + 1);
    addLinks("many", LINKS);
    for (int i = 0; i < LINKS; i++) {
      add(new LayerEntry.Directory(path("directories", "d" + i), ATTRIBUTES));
    }
    mount(
        files -> {
          assertThat(links(files.resolve("fit"))).isEqualTo(SHORT_MAX);
          assertThat(links(files.resolve("more"))).isEqualTo(SHORT_MAX + 1);
          assertThat(links(files.resolve("many"))).isEqualTo(LINKS);
          assertThat(links(files.resolve("directories"))).isEqualTo(LINKS + 2);
          for (int i : new int[] {1, SHORT_MAX, LINKS - 1}) {
            assertThat(Files.getAttribute(files.resolve("manys/l" + i), "unix:ino"))
                .isEqualTo(Files.getAttribute(files.resolve("many"), "unix:ino"));
          }
        });
  }

  private static int links(Path path) throws IOException {
    return (Integer) Files.getAttribute(path, "unix:nlink");
  }

  @Test
  void filesOfMoreBytesAndAtMoreBlocksThanFitIntoAnInt() throws IOException {
    addFile("large", BEYOND_INT + 3, 512);
    addFile("behind", 6, BEYOND_INT + 1024);
    addFile("far", 3, BEYOND_SIGNED_BLOCKS);
    writeTar(512, "begin");
    writeTar(512 + BEYOND_INT, "end");
    writeTar(BEYOND_INT + 1024, "behind");
    writeTar(BEYOND_SIGNED_BLOCKS, "far");
    mount(
        files -> {
          Path large = files.resolve("large");
          assertThat(large).hasSize(BEYOND_INT + 3);
          assertThat(read(large, 0, 5)).isEqualTo("begin");
          assertThat(read(large, BEYOND_INT - 1, 4)).isEqualTo("\0end");
          assertThat(files.resolve("behind")).hasContent("behind");
          assertThat(files.resolve("far")).hasContent("far");
        });
  }

  @Test
  void tarsOfMoreBlocksThanThereAreAddressesAreNotIndexable() throws IOException {
    addFile("last", 512, LAST_BLOCK);
    assertNotIndexable(NotIndexable.TAR_SIZE, () -> addFile("one", 1, LAST_BLOCK + 512));
    try (Fd file = disk.createFile(at, LinuxPath.of("index"), 0600)) {
      assertNotIndexable(
          NotIndexable.TAR_SIZE,
          () ->
              indexer.finish(disk, file, new Digest("sha256:" + "0".repeat(64)), LAST_BLOCK + 513));
    }
  }

  @Test
  void entriesOfWhichTheTreeHasNoRoomAreNotIndexable() throws IOException {
    indexer.close();
    PagedMemory memory = new PagedMemory(new Spill(disk, at), LayerIndexer.RESIDENT_BYTES);
    indexer = indexer(memory);
    addFile("fits", 0, 0);
    while (!memory.isFull()) {
      // Never written, so it takes no space.
      var _ = memory.allocate(BEYOND_INT);
    }
    assertNotIndexable(NotIndexable.ENTRIES, () -> addFile("one too many", 0, 0));
  }

  /** A step that is refused. */
  private interface Step {
    void run() throws IOException;
  }

  private static void assertNotIndexable(NotIndexable reason, Step step) {
    assertThatExceptionOfType(NotIndexableException.class)
        .isThrownBy(step::run)
        .satisfies(e -> assertThat(e.reason()).isEqualTo(reason));
  }
}
