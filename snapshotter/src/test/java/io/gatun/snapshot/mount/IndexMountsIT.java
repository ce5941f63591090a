package io.gatun.snapshot.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Statfs;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.Loop;
import io.gatun.linux.mount.Loop.LoopStatus;
import io.gatun.linux.mount.MountChange;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Mounts.Propagation;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.driver.KeptIndex;
import io.gatun.snapshot.driver.MountedRoot;
import io.gatun.snapshot.driver.WorkDirectory;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.erofs.IndexForm;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Indexed layers, mounted by this machine's kernel. */
final class IndexMountsIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final int WAIT_MILLIS_MAX = 10_000;

  private Path work;

  @BeforeEach
  void makeDirectory() throws IOException {
    work = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("index-mounts");
  }

  @AfterEach
  void nothingIsMountedAnyMore() throws IOException {
    assertThat(MountTable.read())
        .extracting(each -> each.mountPoint().toString())
        .noneMatch(each -> each.startsWith(work.toString()));
  }

  private KeptIndex layer(String name) throws IOException {
    return layer("layer-" + name, name);
  }

  private KeptIndex layer(String directory, String name) throws IOException {
    return KeptIndex.of(
        work.resolve(directory),
        IndexForm.OVERLAY,
        TarBuilder.pax()
            .modified(1_000)
            .directory("shared", 0755)
            .file("shared/" + name, 0644, name)
            .file("same", 0644, "of " + name)
            .finish());
  }

  private MountedRoot root(IndexAccess access) throws IOException {
    return new MountedRoot(work.resolve("root-" + access), access);
  }

  private static long device(Path path) throws ErrnoException {
    return Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(path)).device();
  }

  @ParameterizedTest
  @EnumSource
  void layerIsSeenAsOneFilesystemAndNothingIsLeftOfIt(IndexAccess access) throws Exception {
    try (KeptIndex a = layer("a");
        KeptIndex b = layer("b");
        MountedRoot root = root(access)) {
      root.create(1);
      assertThat(root.mounts().isMounted(1)).isFalse();
      assertThat(root.files(1)).doesNotExist();
      root.show(1, a);
      root.show(2, a);
      root.show(3, b);
      root.show(1, a);
      assertThat(root.files(1).resolve("shared/a")).hasContent("a");
      assertThat(root.files(2).resolve("same")).hasContent("of a");
      assertThat(root.files(3).resolve("same")).hasContent("of b");
      assertThat(root.at(1)).hasSize(1);
      assertThat(device(root.files(1)))
          .isEqualTo(device(root.files(2)))
          .isNotEqualTo(device(root.files(3)));
      assertThat(root.mounts().isMounted(2)).isTrue();
      assertThat(root.mounts().mounted()).containsExactlyInAnyOrder(1L, 2L, 3L);
      root.mounts().unmount(1);
      root.mounts().unmount(1);
      assertThat(root.mounts().isMounted(1)).isFalse();
      assertThat(root.files(1)).doesNotExist();
      assertThat(root.files(2).resolve("same")).hasContent("of a");
      root.show(1, a);
      assertThat(device(root.files(1))).isEqualTo(device(root.files(2)));
      for (long id = 1; id <= 3; id++) {
        root.mounts().unmount(id);
      }
      assertThat(root.mounts().mounted()).isEmpty();
      awaitNoDevice(a.tar());
      awaitNoDevice(a.index());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"DIRECT", "FILE"})
  void contentIsInMemoryOnceIfItIsReadDirectly(IndexAccess access) throws Exception {
    try (KeptIndex a = layer("a");
        MountedRoot root = root(access)) {
      Path tar = work.resolve("layer-a/tar");
      Unistd.fdatasync(a.tar());
      Fcntl.fadviseDontNeed(a.tar(), 0, 0);
      assertThat(isInMemory(tar)).isFalse();
      root.show(1, a);
      assertThat(root.files(1).resolve("same")).hasContent("of a");
      assertThat(isInMemory(tar)).isEqualTo(access == IndexAccess.FILE);
    }
  }

  private static boolean isInMemory(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file);
        Arena arena = Arena.ofConfined()) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena).isLoaded();
    }
  }

  /** An attacker can create such images, to have one layer mounted in place of the other. */
  @ParameterizedTest
  @EnumSource
  void layersOfWhichStatfsTellsTheSameAreTwo(IndexAccess access) throws Exception {
    try (KeptIndex a = layer("a");
        MountedRoot root = root(access)) {
      layer("b").close();
      Superblock b = new Superblock(work.resolve("layer-b/index"));
      UUID first = new Superblock(work.resolve("layer-a/index")).uuid();
      b.setUuid(new UUID(first.getLeastSignificantBits(), first.getMostSignificantBits()));
      root.show(1, a);
      try (Fd tar = Fcntl.open(LinuxPath.of(work.resolve("layer-b/tar")));
          Fd index = Fcntl.open(LinuxPath.of(work.resolve("layer-b/index")))) {
        root.create(2);
        root.mounts().mount(2, tar, index);
        if (access != IndexAccess.LOOP) {
          assertThat(filesystem(2, root)).isEqualTo(filesystem(1, root));
        }
        assertThat(root.files(2).resolve("same")).hasContent("of b");
        // Nor is it mistaken for the mount that is already visible.
        root.mounts().mount(1, tar, index);
        assertThat(root.files(1).resolve("same")).hasContent("of b");
        assertThat(root.restart().mounted()).containsExactlyInAnyOrder(1L, 2L);
        root.show(3, a);
        assertThat(root.files(3).resolve("same")).hasContent("of a");
      }
    }
  }

  private static long filesystem(long id, MountedRoot root) throws IOException {
    try (Fd top = WorkDirectory.open(root.snapshot(id))) {
      return Statfs.fstatfs(top).id();
    }
  }

  /** The superblock of an index in a file, fs/erofs/erofs_fs.h. */
  private record Superblock(Path file) {
    private static final int OFFSET = 1024;
    private static final int BYTES = 512;
    private static final int CHECKSUM = 4;
    private static final int UUID_OFFSET = 48;

    UUID uuid() throws IOException {
      ByteBuffer uuid = ByteBuffer.wrap(Files.readAllBytes(file), OFFSET + UUID_OFFSET, 16);
      return new UUID(uuid.getLong(), uuid.getLong());
    }

    void setUuid(UUID uuid) throws IOException {
      byte[] image = Files.readAllBytes(file);
      ByteBuffer superblock =
          ByteBuffer.wrap(image, OFFSET, BYTES).slice().order(ByteOrder.LITTLE_ENDIAN);
      superblock
          .duplicate()
          .position(UUID_OFFSET)
          .putLong(uuid.getMostSignificantBits())
          .putLong(uuid.getLeastSignificantBits());
      superblock.putInt(CHECKSUM, 0);
      CRC32C checksum = new CRC32C();
      checksum.update(superblock.duplicate());
      superblock.putInt(CHECKSUM, ~(int) checksum.getValue());
      Files.write(file, image);
    }
  }

  @ParameterizedTest
  @EnumSource
  void layersAreMountedSideBySideAndEachIndexOnce(IndexAccess access) throws Exception {
    int threads = 4;
    try (KeptIndex a = layer("a");
        KeptIndex b = layer("b");
        MountedRoot root = root(access)) {
      try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
        List<Future<?>> all = new ArrayList<>();
        for (int thread = 0; thread < threads; thread++) {
          KeptIndex layer = thread % 2 == 0 ? a : b;
          long own = 10L + thread;
          all.add(
              pool.submit(
                  () -> {
                    for (int round = 0; round < 20; round++) {
                      root.show(own, layer);
                      root.show(1, a);
                      root.mounts().unmount(1);
                      if (round < 19) {
                        root.mounts().unmount(own);
                      }
                    }
                    return null;
                  }));
        }
        for (Future<?> each : all) {
          each.get();
        }
      }
      assertThat(root.mounts().mounted()).containsExactlyInAnyOrder(10L, 11L, 12L, 13L);
      assertThat(device(root.files(10))).isEqualTo(device(root.files(12)));
      assertThat(device(root.files(11)))
          .isEqualTo(device(root.files(13)))
          .isNotEqualTo(device(root.files(10)));
      assertThat(root.at(10)).hasSize(1);
    }
  }

  /** An index that was damaged and rebuilt is identical, but not the one that is mounted. */
  @ParameterizedTest
  @EnumSource
  void equalIndexInAnotherFileIsMountedByItselfAndCoversTheOther(IndexAccess access)
      throws Exception {
    try (KeptIndex layer = layer("a");
        KeptIndex rebuilt = layer("rebuilt", "a");
        MountedRoot root = root(access)) {
      root.show(1, layer);
      root.show(2, layer);
      assertThat(device(root.files(2))).isEqualTo(device(root.files(1)));
      root.mounts().mount(2, layer.tar(), rebuilt.index());
      assertThat(device(root.files(2))).isNotEqualTo(device(root.files(1)));
      root.create(3);
      root.mounts().mount(3, layer.tar(), rebuilt.index());
      assertThat(device(root.files(3))).isEqualTo(device(root.files(2)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void nextDaemonFindsWhatIsMountedAndSharesIt(IndexAccess access) throws Exception {
    try (KeptIndex a = layer("a");
        MountedRoot root = root(access)) {
      root.show(1, a);
      IndexMounts next = root.restart();
      assertThat(next.mounted()).containsExactly(1L);
      assertThat(next.isMounted(1)).isTrue();
      root.show(1, a);
      root.show(2, a);
      assertThat(root.at(1)).hasSize(1);
      assertThat(device(root.files(1))).isEqualTo(device(root.files(2)));
      root.restart().unmount(1);
      assertThat(root.files(1)).doesNotExist();
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatSomebodyElseUnmountedIsMountedAgain(IndexAccess access) throws Exception {
    try (KeptIndex a = layer("a");
        MountedRoot root = root(access)) {
      root.show(1, a);
      root.show(2, a);
      Mounts.umount2(LinuxPath.of(root.snapshot(1)));
      assertThat(root.mounts().isMounted(1)).isFalse();
      assertThat(root.mounts().mounted()).containsExactly(2L);
      root.show(1, a);
      assertThat(root.files(1).resolve("same")).hasContent("of a");
      // As after a reboot, with files of the mount in use or not.
      try (InputStream reader = Files.newInputStream(root.files(1).resolve("same"))) {
        for (long id : new long[] {1, 2}) {
          Mounts.umount2(LinuxPath.of(root.snapshot(id)), UnmountFlag.DETACH);
        }
        assertThat(root.mounts().mounted()).isEmpty();
        root.show(2, a);
        root.show(1, a);
        assertThat(reader.readAllBytes()).asString().isEqualTo("of a");
      }
      assertThat(device(root.files(1))).isEqualTo(device(root.files(2)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void mountOfSomebodyElseIsNotTakenForOursAndGoesWithIt(IndexAccess access) throws Exception {
    try (KeptIndex a = layer("a");
        MountedRoot root = root(access)) {
      root.create(1);
      mountTmpfs(root.snapshot(1));
      assertThat(root.mounts().isMounted(1)).isFalse();
      root.mounts().unmount(1);
      assertThat(root.at(1)).hasSize(1);
      root.show(1, a);
      assertThat(root.files(1).resolve("same")).hasContent("of a");
      mountTmpfs(root.snapshot(1));
      assertThat(root.mounts().isMounted(1)).isTrue();
      root.show(1, a);
      assertThat(root.files(1).resolve("same")).hasContent("of a");
      assertThat(root.at(1)).hasSize(4);
      root.mounts().unmount(1);
      assertThat(root.at(1)).extracting(MountEntry::type).containsExactly("tmpfs");
      Mounts.umount2(LinuxPath.of(root.snapshot(1)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsMountedInOneSnapshotIsNotSeenInAnother(IndexAccess access) throws Exception {
    Path shared = Files.createDirectory(work.resolve("shared"));
    LinuxPath place = LinuxPath.of(shared);
    Mounts.mount(place, place, "", Set.of(MountFlag.BIND), "");
    Mounts.mountSetattr(Fd.CURRENT_DIRECTORY, place, MountChange.propagating(Propagation.SHARED));
    try (KeptIndex a = layer("a");
        MountedRoot root = new MountedRoot(shared.resolve("root"), access)) {
      root.show(1, a);
      root.show(2, a);
      assertThat(root.at(1)).allMatch(MountEntry::isShared);
      mountTmpfs(root.files(1).resolve("shared"));
      assertThat(root.files(1).resolve("shared/a")).doesNotExist();
      assertThat(root.files(2).resolve("shared/a")).hasContent("a");
      root.mounts().unmount(1);
      assertThat(root.files(2).resolve("shared/a")).hasContent("a");
    } finally {
      Mounts.umount2(place, UnmountFlag.DETACH);
    }
  }

  @ParameterizedTest
  @EnumSource
  void overlayOnALayerThatIsNotMountedIsRefused(IndexAccess access) throws Exception {
    try (KeptIndex a = layer("a");
        KeptIndex b = layer("b");
        MountedRoot root = root(access)) {
      root.show(1, a);
      root.show(2, b);
      List<Mount> mounts = root.active(9, List.of(b.lower(2), a.lower(1)));
      KernelMount.of(mounts).close();
      root.mounts().unmount(1);
      assertThatThrownBy(() -> KernelMount.of(mounts))
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
    }
  }

  @ParameterizedTest
  @EnumSource
  void equalLayersInOneChainAreSeenAsOne(IndexAccess access) throws Exception {
    try (KeptIndex a = layer("a");
        KeptIndex b = layer("b");
        KeptIndex empty =
            KeptIndex.of(work.resolve("empty"), IndexForm.OVERLAY, TarBuilder.pax().finish());
        MountedRoot root = root(access)) {
      root.show(1, a);
      root.show(2, b);
      root.show(3, a);
      List<Lower> empties = new ArrayList<>();
      for (long id = 4; id <= 8; id++) {
        root.show(id, empty);
        empties.add(empty.lower(id));
      }
      List<Lower> chain = List.of(a.lower(3), b.lower(2), a.lower(1));
      try (KernelMount active = KernelMount.of(root.active(20, chain))) {
        assertThat(active.path().resolve("same")).hasContent("of a");
        assertThat(names(active.path().resolve("shared"))).containsExactly("a", "b");
      }
      try (KernelMount view = KernelMount.of(root.view(21, List.of(a.lower(3), a.lower(1))))) {
        assertThat(view.path().resolve("same")).hasContent("of a");
      }
      try (KernelMount view = KernelMount.of(root.view(22, empties))) {
        assertThat(names(view.path())).isEmpty();
      }
      try (KernelMount active = KernelMount.of(root.active(23, empties))) {
        Files.writeString(active.path().resolve("new"), "new");
        assertThat(names(active.path())).containsExactly("new");
      }
      List<Lower> mixed = new ArrayList<>(empties);
      mixed.addAll(2, chain);
      try (KernelMount active = KernelMount.of(root.active(24, mixed))) {
        assertThat(names(active.path().resolve("shared"))).containsExactly("a", "b");
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void numbersOfFilesAndDevicesStayOverCopyUp(IndexAccess access) throws Exception {
    try (KeptIndex a = layer("a");
        KeptIndex b = layer("b");
        MountedRoot root = root(access)) {
      root.show(1, a);
      root.show(2, b);
      try (KernelMount active = KernelMount.of(root.active(9, List.of(b.lower(2), a.lower(1))))) {
        Path file = active.path().resolve("shared/a");
        Object before = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
        Files.writeString(file, "changed");
        assertThat(Files.readAttributes(file, BasicFileAttributes.class).fileKey())
            .isEqualTo(before);
        try (Stream<Path> each = Files.walk(active.path())) {
          for (Path seen : each.toList()) {
            assertThat(device(seen)).as("%s", seen).isEqualTo(device(active.path()));
          }
        }
        List<String> all = List.of("same", "shared", "shared/a", "shared/b");
        String top = active.path().toString();
        assertThat(relative(top, output("du", "-a", "-x", top).replaceAll("(?m)^[0-9]+\t", "")))
            .isEqualTo(all);
        assertThat(relative(top, output("find", top, "-xdev"))).isEqualTo(all);
        String tar = work.resolve("tar").toString();
        output("tar", "--one-file-system", "-C", top, "-cf", tar, ".");
        assertThat(relative(".", output("tar", "-tf", tar))).isEqualTo(all);
        Path copy = work.resolve("copy");
        output("cp", "-ax", top, copy.toString());
        assertThat(relative(copy.toString(), output("find", copy.toString()))).isEqualTo(all);
        Path synchronizedCopy = work.resolve("synchronized");
        output("rsync", "-aHx", top + "/", synchronizedCopy.toString());
        assertThat(
                relative(synchronizedCopy.toString(), output("find", synchronizedCopy.toString())))
            .isEqualTo(all);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void readerKeepsItsFilesWhenTheLayerIsRemoved(IndexAccess access) throws Exception {
    byte[] content = new byte[3 << 20];
    for (int i = 0; i < content.length; i++) {
      content[i] = (byte) (i * 31 + i / 977);
    }
    Path kept = work.resolve("large");
    try (MountedRoot root = root(access)) {
      InputStream reader;
      KernelMount running;
      try (KeptIndex large =
          KeptIndex.of(
              kept, IndexForm.OVERLAY, TarBuilder.pax().file("large", 0644, content).finish())) {
        root.show(1, large);
        root.create(2);
        running = KernelMount.of(root.active(9, List.of(large.lower(1))));
        reader = Files.newInputStream(root.files(1).resolve("large"));
      }
      try (running;
          reader) {
        root.mounts().unmount(1);
        Files.delete(kept.resolve("tar"));
        Files.delete(kept.resolve("index"));
        Files.delete(root.snapshot(1));
        assertThat(root.mounts().mounted()).isEmpty();
        assertThat(reader.readAllBytes()).isEqualTo(content);
        assertThat(running.path().resolve("large")).hasBinaryContent(content);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void programsAndDevicesOfALayerWorkThroughAnyMount(IndexAccess access) throws Exception {
    byte[] id = Files.readAllBytes(Path.of("/usr/bin/id"));
    try (KeptIndex layer =
            KeptIndex.of(
                work.resolve("programs"),
                IndexForm.OVERLAY,
                TarBuilder.pax().file("id", 04755, id).device('3', "null", 0666, 1, 3).finish());
        MountedRoot root = root(access)) {
      root.show(1, layer);
      for (List<Mount> mounts :
          List.of(root.view(8, List.of(layer.lower(1))), root.active(9, List.of(layer.lower(1))))) {
        try (KernelMount shown = KernelMount.of(mounts)) {
          assertThat(
                  output(
                      "setpriv",
                      "--reuid=65534",
                      "--clear-groups",
                      shown.path().resolve("id").toString(),
                      "-u"))
              .isEqualTo("0\n");
          try (InputStream nothing = Files.newInputStream(shown.path().resolve("null"))) {
            assertThat(nothing.read()).isEqualTo(-1);
          }
        }
      }
      assertThatThrownBy(() -> Files.writeString(root.files(1).resolve("id"), "x"))
          .hasMessageContaining("Read-only file system");
    }
  }

  /** A kernel with SELinux handles the option itself; otherwise, the filesystem rejects it. */
  @ParameterizedTest
  @EnumSource
  void contextThatTheKernelDoesNotTakeIsRefusedByNameAndNothingIsMounted(IndexAccess access)
      throws Exception {
    String context = "system_u:object_r:container_ro_file_t:s0:c1,c2";
    try (KeptIndex a = layer("a")) {
      assertThatThrownBy(
              () -> new IndexFilesystem(access, context).mount(a.tar(), a.index()).close())
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
          .hasMessageContaining("fsconfig erofs context: EINVAL")
          .hasMessageContaining("'context'");
      awaitNoDevice(a.tar());
      awaitNoDevice(a.index());
    }
  }

  @Test
  void filesOnATmpfsAreShownByDevicesWhateverIsAskedFor() throws Exception {
    Path tmpfs = Files.createDirectory(work.resolve("tmpfs"));
    mountTmpfs(tmpfs);
    try (KeptIndex a =
        KeptIndex.of(
            tmpfs.resolve("layer"),
            IndexForm.OVERLAY,
            TarBuilder.pax().file("file", 0644, "content").finish())) {
      assertThatThrownBy(
              () -> new IndexFilesystem(IndexAccess.FILE, "").mount(a.tar(), a.index()).close())
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOTBLK));
      for (IndexAccess access : IndexAccess.values()) {
        try (MountedRoot root = new MountedRoot(tmpfs.resolve("root-" + access), access)) {
          root.show(1, a);
          root.show(1, a);
          assertThat(root.at(1)).hasSize(1);
          assertThat(Loop.nodeOf(device(root.files(1)))).isPresent();
          assertThat(root.files(1).resolve("file")).hasContent("content");
        }
      }
      awaitNoDevice(a.tar());
    } finally {
      Mounts.umount2(LinuxPath.of(tmpfs), UnmountFlag.DETACH);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsNoIndexIsRefusedAndLeavesNoDevice(IndexAccess access) throws Exception {
    try (KeptIndex a = layer("a");
        MountedRoot root = root(access)) {
      root.create(1);
      assertThatThrownBy(() -> root.mounts().mount(1, a.tar(), a.tar()))
          .isInstanceOf(ErrnoException.class);
      assertThat(root.mounts().mounted()).isEmpty();
      awaitNoDevice(a.tar());
    }
  }

  private static void mountTmpfs(Path at) throws ErrnoException {
    Mounts.mount(LinuxPath.of("tmpfs"), LinuxPath.of(at), "tmpfs", Set.of(), "mode=0755");
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.map(each -> each.getFileName().toString()).sorted().toList();
    }
  }

  /** {@return the paths that programs list below a directory, sorted} */
  private static List<String> relative(String top, String lines) {
    return lines
        .lines()
        .map(line -> line.endsWith("/") ? line.substring(0, line.length() - 1) : line)
        .filter(line -> line.startsWith(top + "/"))
        .map(line -> line.substring(top.length() + 1))
        .sorted()
        .toList();
  }

  private static String output(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  /** The kernel frees an unused device after a moment. */
  private static void awaitNoDevice(Fd file) throws Exception {
    for (int waited = 0; isShown(file); waited++) {
      assertThat(waited).as("a device shows %s", file).isLessThan(WAIT_MILLIS_MAX);
      TimeUnit.MILLISECONDS.sleep(1);
    }
  }

  private static boolean isShown(Fd file) throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/sys/block"))) {
      for (Path each :
          all.filter(path -> path.getFileName().toString().startsWith("loop")).toList()) {
        try (Fd device =
            Fcntl.open(LinuxPath.of("/dev/" + each.getFileName()), OpenFlag.READ_ONLY)) {
          LoopStatus status = Loop.status(device);
          if (status.shows(Stat.statx(file))) {
            return true;
          }
        } catch (ErrnoException e) {
          assertThat(e.errno()).isIn(Errno.ENXIO, Errno.ENOENT);
        }
      }
    }
    return false;
  }
}
