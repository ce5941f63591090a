package io.gatun.snapshot.layer.extract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.fault.Fault;
import io.gatun.snapshot.fault.FaultyDisk;
import io.gatun.snapshot.fault.PageCache;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.lower.TestTree;
import io.gatun.snapshot.layer.lower.TreeReset;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A layer with all kinds of entries, on a disk that fails at each of its effects in turn. */
final class TreeWriterFaultsTest {

  private static final byte[] LARGE = new byte[(int) FileFiller.LARGE_BYTES_MIN + 2_000_000];

  static {
    Arrays.fill(LARGE, (byte) 'x');
  }

  @TempDir Path directory;

  private TestTree lower;
  private FaultyDisk disk;

  @BeforeEach
  void makeTrees() throws IOException {
    lower = TestTree.of(directory.resolve("lower"), DeletionForm.OVERLAY);
    lower.apply(
        TarBuilder.pax()
            .owner(5, 6)
            .xattr("user.a", new byte[] {'1'})
            .directory("inherited", 0700));
    Path stash = Files.createDirectory(directory.resolve("stash"));
    disk = new FaultyDisk(new PageCache(new LinuxDisk(), directory, stash));
  }

  private List<String> allButStash() throws IOException {
    return TreeManifest.of(directory).stream().filter(line -> !line.startsWith("stash")).toList();
  }

  private static byte[] layer() {
    return TarBuilder.pax()
        .owner(1, 2)
        .xattr("user.a", new byte[] {'1'})
        .directory("d", 01777)
        .owner(3, 4)
        .xattr("user.a", new byte[] {'1'})
        .file("d/f", 04755, "content")
        .file("inherited/f", 0644, "")
        .file("new/by/the/way", 0644, "")
        .owner(1, 1)
        .symbolicLink("s", "d/f")
        .hardLink("h", 0644, "d/f")
        .owner(1, 1)
        .device('3', "null", 0666, 1, 3)
        .fifo("p", 0622)
        .file("d/f", 0600, "again")
        .directory("d", 0711)
        .file("gone/deep/f", 0644, "")
        .symbolicLink("gone", "d")
        .owner(1, 1)
        .whiteout("d/w")
        .whiteout("d/w")
        .opaque("d")
        .finish();
  }

  @ParameterizedTest
  @EnumSource(names = {"OVERLAY", "IN_PLACE"})
  void everyFailureNamesItsEntryAndLeavesNothingOpen(DeletionForm form) throws IOException {
    failEverywhere(form, layer(), 50);
  }

  @Test
  void everyFailureWithALargeFileNamesIt() throws IOException {
    failEverywhere(DeletionForm.OVERLAY, TarBuilder.pax().file("d", 0644, LARGE).finish(), 13);
  }

  private void failEverywhere(DeletionForm form, byte[] layer, int effectsMin) throws IOException {
    TestTree tree = TestTree.of(directory.resolve("fs"), form, lower.files());
    TreeReset reset = TreeReset.to(disk, LinuxPath.of(tree.files()));
    List<String> empty = allButStash();
    long effectsBefore = disk.effects();
    tree.apply(disk, layer, TestTree.Before.NOTHING);
    long effects = disk.effects() - effectsBefore;
    List<String> whole = tree.lines();
    assertThat(effects).isGreaterThanOrEqualTo(effectsMin);
    reset.run();
    long descriptors = TestTree.descriptors();

    for (long nth = 1; nth <= effects; nth++) {
      LinuxPath[] current = {LinuxPath.of("the end")};
      disk.planFault(nth, new Fault.PartialWrite(Errno.EIO));
      assertThatThrownBy(() -> tree.apply(disk, layer, entry -> current[0] = entry.path().whole()))
          .as("effect %d", nth)
          .isInstanceOfSatisfying(
              TreeWriteException.class,
              failure -> {
                assertThat(failure.errno()).isEqualTo(Errno.EIO);
                assertThat(failure).hasMessageContaining("EIO (Input/output error)");
                assertThat(failure).hasMessageContaining("cannot write " + failure.entry());
                assertThat(failure.entry())
                    .isIn(current[0], LinuxPath.of("d"), LinuxPath.of("inherited"));
              });
      assertThat(disk.fired()).as("effect %d", nth).isPresent();
      disk.heal();
      assertThat(TestTree.descriptors()).as("after %s", disk.fired()).isEqualTo(descriptors);
      reset.run();
      assertThat(allButStash()).as("after %s", disk.fired()).isEqualTo(empty);
    }
    tree.apply(disk, layer, TestTree.Before.NOTHING);
    assertThat(tree.lines()).isEqualTo(whole);
  }

  @Test
  void filesystemsWithoutPreallocationAreAskedOnce() throws IOException {
    DiskCalls calls = new DiskCalls(new LinuxDisk());
    calls.fail("allocate", Errno.EOPNOTSUPP);
    TestTree tree = TestTree.of(directory.resolve("fs"), DeletionForm.OVERLAY);
    tree.apply(
        calls.disk(),
        TarBuilder.pax().file("a", 0644, LARGE).file("b", 0644, LARGE).finish(),
        TestTree.Before.NOTHING);
    assertThat(calls.count("allocate")).isEqualTo(1);
    assertThat(calls.count("startWriteback")).isEqualTo(4);
    assertThat(Files.readAllBytes(tree.files().resolve("b"))).isEqualTo(LARGE);
  }

  @Test
  void extendedAttributesThatAFilesystemDoesNotHaveAreLeftOut() throws IOException {
    DiskCalls calls = new DiskCalls(new LinuxDisk());
    calls.fail("setXattr", Errno.EOPNOTSUPP);
    TestTree tree = TestTree.of(directory.resolve("fs"), DeletionForm.OVERLAY, lower.files());
    byte[] value = {'1'};
    tree.apply(
        calls.disk(),
        TarBuilder.pax()
            .xattr("user.a", value)
            .file("f", 0644, "")
            .xattr("user.a", value)
            .symbolicLink("s", "f")
            .xattr("user.a", value)
            .directory("d", 0755)
            .file("inherited/f", 0644, "")
            .finish(),
        TestTree.Before.NOTHING);
    assertThat(calls.count("setXattr")).isEqualTo(4);
    assertThat(tree.line("inherited")).contains("mode=700 uid=5");
    // But a directory that should hide lower content must not show it.
    assertThatThrownBy(
            () ->
                tree.apply(
                    calls.disk(), TarBuilder.pax().opaque("d").finish(), TestTree.Before.NOTHING))
        .hasMessageContaining("EOPNOTSUPP");
  }

  @Test
  void aLayerThatIsCutShortFailsAsSuch() throws IOException {
    TestTree tree = TestTree.of(directory.resolve("fs"), DeletionForm.OVERLAY);
    byte[] tar = TarBuilder.pax().file("f", 0644, new byte[5000]).finish();
    long descriptors = TestTree.descriptors();
    assertThatThrownBy(
            () -> tree.apply(new LinuxDisk(), Arrays.copyOf(tar, 2000), TestTree.Before.NOTHING))
        .isInstanceOf(InvalidLayerException.class);
    assertThat(TestTree.descriptors()).isEqualTo(descriptors);
  }

  @Test
  void usualFilesTakeNoMoreCallsThanTheyNeed() throws IOException {
    DiskCalls calls = new DiskCalls(new LinuxDisk());
    TestTree tree = TestTree.of(directory.resolve("fs"), DeletionForm.OVERLAY);
    TarBuilder tar = TarBuilder.pax().directory("d", 0755);
    for (int i = 0; i < 10; i++) {
      tar.file("d/f" + i, 0644, "content").owner(1, 1).file("d/g" + i, 0664, "content");
    }
    tree.apply(calls.disk(), tar.finish(), TestTree.Before.NOTHING);
    // And close(2) of each.
    assertThat(calls.count("createFile")).isEqualTo(20);
    assertThat(calls.count("write")).isEqualTo(20);
    assertThat(calls.count("setTimes")).isEqualTo(21);
    assertThat(calls.count("setOwner")).isEqualTo(10);
    assertThat(calls.count("setMode")).as("but for the umask").isIn(0, 10);
    for (String other : List.of("allocate", "startWriteback", "truncate", "sync", "setXattr")) {
      assertThat(calls.count(other)).as(other).isZero();
    }
  }

  @Test
  void fewDirectoriesAreOpenHoweverManyThereAre() throws IOException {
    DiskCalls calls = new DiskCalls(new LinuxDisk());
    TestTree tree = TestTree.of(directory.resolve("fs"), DeletionForm.OVERLAY);
    TarBuilder tar = TarBuilder.pax();
    for (int i = 0; i < 500; i++) {
      tar.directory("d" + i, 0755).directory("d" + i + "/e", 0755).file("d" + i + "/e/f", 0644, "");
    }
    AtomicLong most = new AtomicLong();
    calls.precede(
        "setTimes",
        () -> {
          try {
            most.accumulateAndGet(TestTree.descriptors(), Math::max);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
    long before = TestTree.descriptors();
    tree.apply(calls.disk(), tar.finish(), TestTree.Before.NOTHING);
    assertThat(calls.count("setTimes")).isEqualTo(1500);
    assertThat(most.get() - before).isLessThanOrEqualTo(DirectoryCache.LIMIT + 10);
  }
}
