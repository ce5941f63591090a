package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.extract.LayerItem;
import io.gatun.snapshot.layer.extract.LayerItems;
import io.gatun.snapshot.layer.extract.TreeWriter;
import io.gatun.snapshot.layer.lower.TestTree;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layerstore.IndexedWriter.Result;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/**
 * Random stored layers: an index built from the headers equals that of a whole pass, and a tree
 * extracted from the tar equals the one from the blob.
 */
final class StoredTarProperties {

  private static final int TRIES = 200;

  private static Path directory = Path.of("");
  private static int compared;

  @BeforeContainer
  static void makeDirectory() throws IOException {
    directory = Files.createTempDirectory("gatun-tars-");
  }

  /** Checks that most layers were compared and not refused. */
  @AfterContainer
  static void stop() throws IOException {
    delete(directory);
    assertThat(compared).isGreaterThan(TRIES / 3);
  }

  static void delete(Path path) throws IOException {
    LinuxPath parent = LinuxPath.of(Objects.requireNonNull(path.getParent()));
    try (Fd above = Fcntl.open(parent, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      TreeDeletion.delete(new LinuxDisk(), above, LinuxPath.of(path.getFileName()));
    }
  }

  @Provide
  Arbitrary<List<LayerItem>> layers() {
    return LayerItems.layers();
  }

  @Property(tries = TRIES, shrinking = ShrinkingMode.OFF)
  void whatIsMadeOfAStoredTarIsWhatIsMadeOfItsBlob(@ForAll("layers") List<LayerItem> layer)
      throws Exception {
    byte[] tar = LayerItems.tar(layer);
    Path work = Files.createDirectory(directory.resolve("case"));
    try (TestStore stored = new TestStore(new UnsyncedDisk(), work.resolve("root"));
        LayerIngest ingest = stored.store().ingest()) {
      Result result;
      try {
        result =
            stored.apply(
                new BytesBlob(Compressed.gzip(tar)),
                ingest,
                IndexForm.OVERLAY,
                InheritedAttributes.ofTop(),
                LowerAttributes.NOTHING);
      } catch (InvalidLayerException e) {
        return;
      }
      compareTrees(work, ingest, tar);
      if (result instanceof Result.Indexed indexed) {
        compareIndexes(stored, ingest, indexed);
      }
      compared++;
    } finally {
      delete(work);
    }
  }

  private static void compareTrees(Path work, LayerIngest ingest, byte[] tar) throws IOException {
    TestTree direct = TestTree.of(work.resolve("direct"), DeletionForm.OVERLAY);
    String refusal = "";
    try {
      direct.apply(new LinuxDisk(), tar, TestTree.Before.NOTHING);
    } catch (IOException e) {
      refusal = String.valueOf(e.getMessage());
    }
    TestTree tree = TestTree.of(work.resolve("tree"), DeletionForm.OVERLAY);
    String refusalFromTar = "";
    try (StoredTar from = ingest.openTar();
        TreeWriter writer = TreeWriter.open(new LinuxDisk(), tree.target(), false)) {
      from.read(writer, new Cancellation());
      writer.finish();
    } catch (IOException e) {
      refusalFromTar = String.valueOf(e.getMessage()).replace("/tree", "/direct");
    }
    assertThat(refusalFromTar).isEqualTo(refusal);
    assertThat(tree.lines()).isEqualTo(direct.lines());
  }

  private static void compareIndexes(TestStore stored, LayerIngest ingest, Result.Indexed indexed)
      throws IOException {
    LayerStore store = stored.store();
    try (LayerStore.LayerRef ref =
        store.publish(ingest, indexed, BytesBlob.digestOf(new byte[0]), false)) {
      Path index = stored.index(ref.diffId(), indexed.index().digest());
      byte[] whole = Files.readAllBytes(index);
      Files.delete(index);
      store.reindex(
          ref,
          IndexForm.OVERLAY,
          InheritedAttributes.ofTop(),
          LowerAttributes.NOTHING,
          false,
          new Cancellation());
      assertThat(index).hasBinaryContent(whole);
      assertThat(store.indexes(ref.diffId())).isEqualTo(Set.of(indexed.index().digest()));
    }
  }
}
