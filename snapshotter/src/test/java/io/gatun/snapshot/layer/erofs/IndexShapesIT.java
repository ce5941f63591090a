package io.gatun.snapshot.layer.erofs;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.fixture.ExtractedIndex;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.fixture.TreeManifest.Detail;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.lower.TestTree;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Goal: for every shape of a directory, link, file or attribute in the image, the kernel and
 * fsck.erofs read the content of the tar. Method: each shape is created deliberately, on both sides
 * of every limit of the format, and compared with the extracted tree.
 */
final class IndexShapesIT {

  private Path directory;
  private Path memory;

  @BeforeEach
  void makeDirectory() throws IOException {
    // On a disk: the kernel does not mount files that are in memory.
    directory = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "shapes-");
    // In memory: ext4 has no space for large attributes.
    memory = Files.createTempDirectory(Path.of("/dev/shm"), "gatun-shapes-");
  }

  @AfterEach
  void delete() {
    LoopFilesystem.run(List.of("rm", "-rf", directory.toString(), memory.toString()));
  }

  private void check(TarBuilder builder) throws IOException {
    byte[] tar = builder.finish();
    TestTree tree = TestTree.of(memory.resolve("tree"), DeletionForm.OVERLAY);
    tree.apply(new LinuxDisk(), tar, TestTree.Before.NOTHING);
    TestIndex index = TestIndex.of(directory.resolve("layer"), IndexForm.OVERLAY, tar);
    List<String> written = lines(tree.files());
    try (TestIndex.Mounted mounted = index.mount()) {
      assertThat(lines(mounted.files())).isEqualTo(written);
      assertThat(mounted.root().toFile().list()).containsExactly("fs");
    }
    Path extracted = ExtractedIndex.of(index.index(), index.tar(), memory.resolve("extracted"));
    assertThat(lines(extracted)).isEqualTo(written);
  }

  /** Without times of implicit directories; here, the root is the only one. */
  private static List<String> lines(Path files) throws IOException {
    return TreeManifest.of(files, Set.of(Detail.DIRECTORY_TIMES)).stream()
        .map(line -> line.startsWith(". ") ? "top" : line)
        .toList();
  }

  @Test
  void directoriesOfAnyNumberOfNamesOfAnyLength() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    for (int count : new int[] {0, 1, 20, 21, 30, 31, 39, 40, 100, 1000}) {
      String name = "d" + count;
      tar.modified(count).directory(name, 0755);
      for (int i = 0; i < count; i++) {
        tar.file(name + "/" + "n".repeat(i % 11) + (char) ('0' + i % 70) + i, 0644, "x" + i);
      }
    }
    for (int length = 200; length <= 255; length++) {
      tar.modified(5).directory("l" + length, 0700);
      tar.file("l" + length + "/" + "a".repeat(length), 0644, "a");
      tar.file("l" + length + "/" + "b".repeat(length), 0644, "b");
    }
    check(tar);
  }

  @Test
  void namesAroundTheDots() throws IOException {
    TarBuilder tar = TarBuilder.pax().modified(1).directory("d", 0755);
    for (String name : List.of("!", "-", "-x", ".-", ".a", "...", "..-", "..a", "/", "0", "~")) {
      tar.file("d/" + (name.equals("/") ? "z" : name), 0644, name);
    }
    byte[] high = {'d', '/', (byte) 0xff, (byte) 0x80};
    tar.entry('0', high, 0644, new byte[0], 0, 0, new byte[] {1});
    check(tar);
  }

  @Test
  void symbolicLinksOfAnyLength() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    for (int length : new int[] {1, 100, 447, 448, 449, 479, 480, 481, 511, 512, 513, 1024, 4095}) {
      tar.modified(length).symbolicLink("l" + length, "t".repeat(length));
    }
    check(tar);
  }

  @Test
  void filesOfAnySizeOwnerAndTime() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    for (int size : new int[] {0, 1, 511, 512, 513, 4095, 4096, 4097, 70_000}) {
      tar.modified(7).owner(size, 65_535).file("f" + size, 0644, random(size));
      tar.modified(8).owner(0xffff_fffeL, 65_536).file("g" + size, 06755, random(size));
    }
    for (int i = 0; i < 20; i++) {
      tar.record("mtime", "7.5").file("same" + i, 0600, "same");
    }
    tar.record("mtime", "9223372036.854775807").file("late", 0600, "");
    check(tar);
  }

  @Test
  void devicesPipesAndHardLinks() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    tar.modified(1).device('3', "c", 0600, 4095, 1_048_575).modified(2);
    tar.device('4', "b", 0660, 8, 300).modified(3).fifo("p", 0644).modified(4);
    tar.file("f", 0644, "content").modified(5).directory("d", 0755);
    for (int i = 0; i < 50; i++) {
      tar.modified(6 + i).hardLink("d/h" + i, 0600, "f");
    }
    tar.modified(1).hardLink("c2", 0600, "c").modified(2).hardLink("p2", 0600, "p");
    tar.modified(3).symbolicLink("s", "t".repeat(600)).modified(4).hardLink("s2", 0777, "s");
    check(tar);
  }

  @Test
  void attributesInlineSharedAndLarge() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    byte[] large = random(60_000);
    tar.modified(1).xattr("user.large", large).file("one", 0644, "1");
    for (int i = 0; i < 10; i++) {
      tar.modified(1).xattr("user.shared", "v".getBytes(StandardCharsets.US_ASCII));
      tar.xattr("user.own", new byte[] {(byte) i});
      tar.file("f" + i, 0644, "" + i);
    }
    for (int i = 1; i < 40; i++) {
      tar.xattr("user.many" + i, random(i));
    }
    tar.modified(3).directory("d", 0755);
    tar.modified(3).xattr("security.x", random(3)).symbolicLink("l", "t".repeat(300));
    tar.modified(4).xattr("user." + "n".repeat(250), random(9)).file("long", 0644, "");
    check(tar);
  }

  /** fsck.erofs does not accept them, so only the kernel is tested. */
  @Test
  void attributesWithoutAValue() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    tar.xattr("user.empty", new byte[0]).xattr("user.more", new byte[] {1}).file("a", 0644, "");
    tar.xattr("user.empty", new byte[0]).file("b", 0644, "");
    TestIndex index = TestIndex.of(directory.resolve("layer"), IndexForm.OVERLAY, tar.finish());
    try (TestIndex.Mounted mounted = index.mount()) {
      assertThat(String.join("\n", lines(mounted.files())))
          .contains(" user.empty= user.more=01")
          .endsWith(" user.empty=");
    }
  }

  @Test
  void sparseFilesWhosePartsAreBlocks() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    sparse(tar, "all-hole", 10_000_000, "");
    sparse(tar, "hole-first", 8192, "4096,4096");
    sparse(tar, "hole-last", 1 << 18, "0,512");
    sparse(tar, "odd-end", 5000, "4096,904");
    sparse(tar, "several", 100_000, "512,512,2048,1024,99840,160");
    sparse(tar, "touching", 65_536, "0,4096,4096,4096,32768,8192");
    sparse(tar, "huge", 3L << 40, "");
    byte[] bytes = tar.finish();
    TestIndex index = TestIndex.of(directory.resolve("layer"), IndexForm.OVERLAY, bytes);
    TestTree tree = TestTree.of(memory.resolve("tree"), DeletionForm.OVERLAY);
    tree.apply(new LinuxDisk(), bytes, TestTree.Before.NOTHING);
    try (TestIndex.Mounted mounted = index.mount()) {
      for (String name : List.of("all-hole", "hole-first", "hole-last", "odd-end", "several")) {
        assertThat(Files.readAllBytes(mounted.files().resolve(name)))
            .as(name)
            .isEqualTo(Files.readAllBytes(tree.files().resolve(name)));
      }
      assertThat(Files.readAllBytes(mounted.files().resolve("touching")))
          .isEqualTo(Files.readAllBytes(tree.files().resolve("touching")));
      assertThat(Files.size(mounted.files().resolve("huge"))).isEqualTo(3L << 40);
    }
  }

  private static void sparse(TarBuilder tar, String name, long sizeBytes, String map) {
    String[] numbers = map.isEmpty() ? new String[0] : map.split(",", -1);
    int stored = 0;
    for (int i = 1; i < numbers.length; i += 2) {
      stored += Integer.parseInt(numbers[i]);
    }
    tar.record("GNU.sparse.major", "0").record("GNU.sparse.minor", "1");
    tar.record("GNU.sparse.name", name).record("GNU.sparse.size", "" + sizeBytes);
    tar.record("GNU.sparse.numblocks", "" + numbers.length / 2).record("GNU.sparse.map", map);
    tar.file("sparse", 0644, random(stored));
  }

  private static byte[] random(int size) {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return bytes;
  }

  @Test
  void overlaysOverItAndOverThose() throws IOException {
    TarBuilder base = TarBuilder.pax();
    base.directory("d", 0755).file("d/a", 0644, "a").file("d/b", 0644, "b").file("e", 0644, "e");
    TestIndex lower = TestIndex.of(directory.resolve("lower"), IndexForm.BASE, base.finish());
    TarBuilder above = TarBuilder.pax();
    above.whiteout("e").directory("d", 0700).opaque("d").file("d/c", 0644, "c");
    TestIndex upper = TestIndex.of(directory.resolve("upper"), IndexForm.OVERLAY, above.finish());
    Path first = overlay("first");
    Path second = overlay("second");
    try (TestIndex.Mounted one = lower.mount();
        TestIndex.Mounted two = upper.mount()) {
      mountOverlay(first, two.files() + ":" + one.files());
      try {
        assertThat(tree(first.resolve("target"))).containsExactly("d", "d/c");
        Files.writeString(first.resolve("target/d/new"), "new");
        mountOverlay(second, first.resolve("target").toString());
        try {
          assertThat(tree(second.resolve("target"))).containsExactly("d", "d/c", "d/new");
          Files.delete(second.resolve("target/d/c"));
          assertThat(tree(second.resolve("target"))).containsExactly("d", "d/new");
        } finally {
          Mounts.umount2(LinuxPath.of(second.resolve("target")), UnmountFlag.DETACH);
        }
      } finally {
        Mounts.umount2(LinuxPath.of(first.resolve("target")), UnmountFlag.DETACH);
      }
    }
  }

  /** With xino=on, a file and its directory are on one device, before and after copy-up. */
  @Test
  void overlaysWithXinoShowOneDevice() throws IOException {
    TarBuilder base = TarBuilder.pax().directory("d", 0755).file("d/a", 0644, "a");
    TestIndex lower = TestIndex.of(directory.resolve("lower"), IndexForm.BASE, base.finish());
    Path overlay = overlay("overlay");
    try (TestIndex.Mounted one = lower.mount()) {
      mountOverlay(overlay, one.files().toString());
      try {
        Path file = overlay.resolve("target/d/a");
        Object device = Files.getAttribute(file, "unix:dev");
        Object inode = Files.getAttribute(file, "unix:ino");
        assertThat(device).isEqualTo(Files.getAttribute(file.getParent(), "unix:dev"));
        Files.writeString(file, "changed");
        assertThat(Files.getAttribute(file, "unix:dev")).isEqualTo(device);
        assertThat(Files.getAttribute(file, "unix:ino")).isEqualTo(inode);
      } finally {
        Mounts.umount2(LinuxPath.of(overlay.resolve("target")), UnmountFlag.DETACH);
      }
    }
  }

  private Path overlay(String name) throws IOException {
    Path overlay = Files.createDirectory(directory.resolve(name));
    for (String each : List.of("upper", "work", "target")) {
      Files.createDirectory(overlay.resolve(each));
    }
    return overlay;
  }

  private static void mountOverlay(Path overlay, String lowers) throws IOException {
    Mounts.mount(
        LinuxPath.of("overlay"),
        LinuxPath.of(overlay.resolve("target")),
        "overlay",
        Set.<MountFlag>of(),
        "xino=on,lowerdir=%s,upperdir=%s,workdir=%s"
            .formatted(lowers, overlay.resolve("upper"), overlay.resolve("work")));
  }

  private static List<String> tree(Path top) throws IOException {
    List<String> paths = new ArrayList<>();
    for (String line : TreeManifest.of(top)) {
      String path = line.substring(0, line.indexOf(" type="));
      if (!path.equals(".")) {
        paths.add(path);
      }
    }
    return paths;
  }
}
