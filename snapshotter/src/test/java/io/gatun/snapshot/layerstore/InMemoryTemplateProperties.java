package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.extract.LayerItem;
import io.gatun.snapshot.layer.extract.LayerItems;
import io.gatun.snapshot.layer.index.IndexComparison;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layer.index.LayerIndexer;
import io.gatun.snapshot.layer.index.RecordedAttributes;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layerstore.tar.DiskPages;
import io.gatun.snapshot.root.UnsyncedDisk;
import io.gatun.snapshot.spill.Spill;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Random layers whose lower layers become known after they have been read, and later change. */
final class InMemoryTemplateProperties {

  private static final int TRIES = 600;

  private static Path directory = Path.of("");
  private static int made;
  private static int inherited;
  private static int copied;
  private static int differing;
  private static int remade;

  @BeforeContainer
  static void makeDirectory() throws Exception {
    directory = Files.createTempDirectory("gatun-late-");
  }

  /**
   * Checks that most templates could inherit, that most of those had attributes to inherit, and the
   * same for copies.
   */
  @AfterContainer
  static void stop() throws Exception {
    StoredTarProperties.delete(directory);
    assertThat(made).isGreaterThan(TRIES / 8);
    assertThat(inherited).isGreaterThan(TRIES / 10);
    assertThat(copied).isGreaterThan(TRIES / 16);
    assertThat(remade).isGreaterThan(TRIES / 16);
    assertThat(differing).isGreaterThan(TRIES / 16);
  }

  @Provide
  Arbitrary<List<LayerItem>> layers() {
    return LayerItems.layers();
  }

  /** For each of some directories, by path. */
  @Provide
  Arbitrary<List<Optional<InheritedAttributes>>> attributes() {
    Map<LinuxPath, byte[]> none = Map.of();
    Arbitrary<Map<LinuxPath, byte[]>> xattrs =
        Arbitraries.frequencyOf(
            Tuple.of(30, Arbitraries.just(none)),
            Tuple.of(1, Arbitraries.just(Map.of(LinuxPath.of("user.x"), new byte[] {1}))));
    return Combinators.combine(
            Arbitraries.frequency(
                Tuple.of(20, 0755), Tuple.of(5, 0700), Tuple.of(5, 01777), Tuple.of(1, 02755)),
            Arbitraries.integers().between(0, 100_000),
            Arbitraries.longs().between(0, 5),
            xattrs)
        .as(
            (mode, owner, seconds, each) ->
                new InheritedAttributes(mode, owner, owner, new Timespec(seconds, 0), each))
        .optional(0.7)
        .list()
        .ofSize(4);
  }

  @Property(tries = TRIES, shrinking = ShrinkingMode.OFF)
  void anIndexThatIsToldLateWhatIsBelowIsTheOneOfTheTar(
      @ForAll("layers") List<LayerItem> layer,
      @ForAll("attributes") List<Optional<InheritedAttributes>> attributes,
      @ForAll("attributes") List<Optional<InheritedAttributes>> others)
      throws Exception {
    LowerAttributes below = below(attributes);
    InheritedAttributes top = top(attributes);
    BytesBlob blob = new BytesBlob(Compressed.gzip(LayerItems.tar(layer)));
    Path work = Files.createDirectory(directory.resolve("case"));
    try (TestStore stored = new TestStore(new UnsyncedDisk(), work.resolve("root"));
        LayerIngest ingest = stored.store().ingest()) {
      LayerStore store = stored.store();
      Optional<InMemoryTemplate> read;
      try {
        read = stored.indexed().prefetch(blob, ingest, new Cancellation());
      } catch (InvalidLayerException e) {
        return;
      }
      try (InMemoryTemplate late = read.orElse(null)) {
        if (late == null) {
          return;
        }
        try (LayerStore.LayerRef ref = store.publish(ingest, late.layer(), blob.digest(), false)) {
          assertThat(store.indexes(ref.diffId())).isEmpty();
          if (late.inherit(IndexForm.OVERLAY, top, below)) {
            Digest index = store.addIndex(ref, late, false).digest();
            compare(stored, ref, index, top, below);
          }
          compareCopy(stored, ref, attributes, others);
          compareRemade(stored, ref);
        }
      }
    } finally {
      StoredTarProperties.delete(work);
    }
  }

  private static void compare(
      TestStore stored,
      LayerStore.LayerRef ref,
      Digest index,
      InheritedAttributes top,
      LowerAttributes below)
      throws Exception {
    Path file = stored.index(ref.diffId(), index);
    byte[] late = Files.readAllBytes(file);
    Files.delete(file);
    boolean[] isInherited = {false};
    LowerAttributes watched =
        path -> {
          Optional<InheritedAttributes> found = below.of(path);
          isInherited[0] |= found.isPresent();
          return found;
        };
    LayerIndex again =
        stored.store().reindex(ref, IndexForm.OVERLAY, top, watched, false, new Cancellation());
    assertThat(again.digest()).isEqualTo(index);
    assertThat(file).hasBinaryContent(late);
    made++;
    inherited += isInherited[0] ? 1 : 0;
  }

  /**
   * Compares an index derived from the existing one, if that is possible, with one from the tar.
   */
  private static void compareCopy(
      TestStore stored,
      LayerStore.LayerRef ref,
      List<Optional<InheritedAttributes>> attributes,
      List<Optional<InheritedAttributes>> others)
      throws Exception {
    if (stored.store().indexes(ref.diffId()).isEmpty()) {
      var _ = reindex(stored, ref, attributes);
    }
    Set<Digest> before = stored.store().indexes(ref.diffId());
    LayerIndex copy = reindex(stored, ref, others);
    Path file = stored.index(ref.diffId(), copy.digest());
    byte[] content = Files.readAllBytes(file);
    for (Digest each : stored.store().indexes(ref.diffId())) {
      Files.delete(stored.index(ref.diffId(), each));
    }
    LayerIndex again = reindex(stored, ref, others);
    assertThat(again.digest()).isEqualTo(copy.digest());
    assertThat(file).hasBinaryContent(content);
    assertThat(again.inodes()).isEqualTo(copy.inodes());
    assertThat(again.tarBytes()).isEqualTo(copy.tarBytes());
    assertThat(again.sizeBytes()).isEqualTo(copy.sizeBytes());
    boolean isCopied = copy.treeBytes() == 0;
    copied += isCopied ? 1 : 0;
    differing += isCopied && !before.contains(copy.digest()) ? 1 : 0;
  }

  /** Compares with an index rebuilt from the recorded attributes. */
  private static void compareRemade(TestStore stored, LayerStore.LayerRef ref) throws Exception {
    Digest digest = stored.store().indexes(ref.diffId()).iterator().next();
    Path layer = stored.layer(ref.diffId());
    try (Fd directory = Fcntl.open(LinuxPath.of(layer), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
        DiskPages there = new DiskPages(directory, new LayerFile.Index(digest).name());
        StoredTar tar = stored.store().openTar(ref.diffId())) {
      Optional<RecordedAttributes> recorded = RecordedAttributes.of(there);
      if (recorded.isPresent()) {
        try (LayerIndexer indexer =
            new LayerIndexer(
                recorded.get().form(),
                recorded.get().top(),
                recorded.get(),
                new Spill(new UnsyncedDisk(), directory),
                LayerIndexer.RESIDENT_BYTES)) {
          tar.readHeaders(indexer, new Cancellation());
          IndexComparison comparison =
              indexer.compare(there, recorded.get(), ref.diffId(), tar.sizeBytes());
          assertThat(comparison.difference()).isEmpty();
          remade++;
        }
      }
    }
  }

  private static LayerIndex reindex(
      TestStore stored, LayerStore.LayerRef ref, List<Optional<InheritedAttributes>> attributes)
      throws Exception {
    return stored
        .store()
        .reindex(
            ref, IndexForm.OVERLAY, top(attributes), below(attributes), false, new Cancellation());
  }

  private static LowerAttributes below(List<Optional<InheritedAttributes>> attributes) {
    return path -> attributes.get(Math.floorMod(path.hashCode(), attributes.size()));
  }

  private static InheritedAttributes top(List<Optional<InheritedAttributes>> attributes) {
    return attributes.getFirst().orElse(InheritedAttributes.ofTop());
  }
}
