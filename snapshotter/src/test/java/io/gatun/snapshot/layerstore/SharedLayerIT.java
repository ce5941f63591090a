package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.ExtractedIndex;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.lower.LowerTreeAttributes;
import io.gatun.snapshot.layer.lower.TestTree;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layerstore.IndexedWriter.Result;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** One layer in several chains, mounted by the kernel directly from the stored files. */
final class SharedLayerIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final byte[] LAYER =
      TarBuilder.pax()
          .modified(1_000)
          .file("etc/ssl/f", 0644, "content")
          .file("named/f", 0600, "x".repeat(100_000))
          .directory("named", 0711)
          .whiteout("etc/gone")
          .opaque("opaque/.")
          .finish();

  private static TarBuilder parent(int id) {
    return TarBuilder.pax()
        .modified(id)
        .owner(id, id + 1)
        .xattr("user.of", Integer.toString(id).getBytes(StandardCharsets.US_ASCII))
        .directory("etc", 0700 + id)
        .directory("etc/ssl", 02750)
        .directory("opaque", 01777);
  }

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void oneTarIsABaseAndLiesOverParentsWhoseDirectoriesDiffer(LoopFilesystem.Kind kind)
      throws Exception {
    Path work = FILESYSTEMS.of(kind).createDirectory("shared");
    BytesBlob blob = new BytesBlob(Compressed.gzip(LAYER));
    List<Digest> indexes = new ArrayList<>();
    try (TestStore stored = new TestStore(new LinuxDisk(), work.resolve("root"))) {
      Result.Indexed base =
          (Result.Indexed) stored.keep(blob, IndexForm.BASE, new LowerTreeAttributes(List.of()));
      Digest diffId = base.layer().diffId();
      indexes.add(base.index().digest());
      compare(stored, diffId, base.index().digest(), DeletionForm.IN_PLACE, work.resolve("base"));
      for (int id : new int[] {1, 5}) {
        TestTree parent = TestTree.of(work.resolve("parent" + id), DeletionForm.OVERLAY);
        parent.apply(parent(id));
        LowerTreeAttributes below = new LowerTreeAttributes(List.of(LinuxPath.of(parent.files())));
        Digest index;
        try (LayerStore.LayerRef ref = stored.store().tryAcquire(diffId).orElseThrow()) {
          index =
              stored
                  .store()
                  .reindex(ref, IndexForm.OVERLAY, below.ofTop(), below, true, new Cancellation())
                  .digest();
        }
        indexes.add(index);
        compare(
            stored, diffId, index, DeletionForm.OVERLAY, work.resolve("tree" + id), parent.files());
        // The parent may as well be an index, because a mounted index is a tree.
        assertThat(indexOverIndex(stored, work, parent(id), diffId)).isEqualTo(index);
      }
      assertThat(indexes).doesNotHaveDuplicates();
      assertThat(stored.store().indexes(diffId)).containsExactlyInAnyOrderElementsOf(indexes);
      assertThat(stored.store().diffIds()).hasSize(3);
      assertThat(stored.tar(diffId)).hasBinaryContent(LAYER);
    }
  }

  private static Digest indexOverIndex(
      TestStore stored, Path work, TarBuilder parent, Digest diffId) throws Exception {
    Result.Indexed below = (Result.Indexed) stored.keep(parent.finish());
    Path mounted = mount(stored, below.layer().diffId(), below.index().digest(), work);
    try (LayerStore.LayerRef ref = stored.store().tryAcquire(diffId).orElseThrow()) {
      LowerTreeAttributes inheritance =
          new LowerTreeAttributes(List.of(LinuxPath.of(mounted.resolve("fs"))));
      return stored
          .store()
          .reindex(
              ref, IndexForm.OVERLAY, inheritance.ofTop(), inheritance, true, new Cancellation())
          .digest();
    } finally {
      Mounts.umount2(LinuxPath.of(mounted), UnmountFlag.DETACH);
    }
  }

  private static void compare(
      TestStore stored, Digest diffId, Digest index, DeletionForm form, Path written, Path... below)
      throws Exception {
    TestTree tree = TestTree.of(written, form, below);
    tree.apply(new LinuxDisk(), LAYER, TestTree.Before.NOTHING);
    Path mounted = mount(stored, diffId, index, written);
    try {
      assertThat(lines(mounted.resolve("fs"))).isEqualTo(lines(tree.files()));
      Path extracted =
          ExtractedIndex.of(
              stored.index(diffId, index),
              stored.tar(diffId),
              written.resolveSibling(written.getFileName() + "-extracted"));
      assertThat(ExtractedIndex.comparable(extracted))
          .isEqualTo(ExtractedIndex.comparable(mounted.resolve("fs")));
    } finally {
      Mounts.umount2(LinuxPath.of(mounted), UnmountFlag.DETACH);
    }
  }

  /** Without the times of directories that have none in the layer. */
  private static List<String> lines(Path files) throws ErrnoException {
    return TreeManifest.of(files, Set.of()).stream()
        .map(
            line ->
                line.contains("type=CHARACTER_DEVICE") || line.contains("type=DIRECTORY")
                    ? TestTree.withoutTimes(line)
                    : line)
        .toList();
  }

  private static Path mount(TestStore stored, Digest diffId, Digest index, Path near)
      throws IOException {
    Path target = Files.createTempDirectory(near.toAbsolutePath().getParent(), "mounted");
    Mounts.mount(
        LinuxPath.of(stored.index(diffId, index)),
        LinuxPath.of(target),
        "erofs",
        Set.of(MountFlag.READ_ONLY),
        "device=" + stored.tar(diffId));
    return target;
  }
}
