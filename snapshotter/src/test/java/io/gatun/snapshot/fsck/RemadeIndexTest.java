package io.gatun.snapshot.fsck;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.layerstore.InMemoryTemplate;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerIngest;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.TarWriteMode;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Indexes that match their names and are compared with their tars. */
final class RemadeIndexTest {

  private static final Map<LinuxPath, byte[]> NO_XATTRS = Map.of();

  /**
   * With implicit directories, some that later get entries or disappear, and some that hide lower
   * content.
   */
  private static final byte[] TAR =
      TarBuilder.pax()
          .modified(1_000)
          .file("opt/deep/file", 0644, "content")
          .file("later/file", 0644, "")
          .directory("later", 0711)
          .file("gone/deep/file", 0644, "")
          .file("gone", 0644, "")
          .whiteout("opt/deep/below")
          .opaque("opt/hides")
          .finish();

  /** All inherited attributes are visible. */
  private static final byte[] PLAIN_TAR =
      TarBuilder.pax().file("opt/deep/file", 0644, "content").finish();

  /**
   * The place of a layer in a chain.
   *
   * @param top attributes of the layer's root directory
   * @param below attributes of directories without an entry in the layer
   */
  private record Place(IndexForm form, InheritedAttributes top, LowerAttributes below) {

    static final Place BASE =
        new Place(IndexForm.BASE, InheritedAttributes.ofTop(), LowerAttributes.NOTHING);

    static Place over(int owner) {
      return new Place(IndexForm.OVERLAY, of(owner, 0755), _ -> Optional.of(of(owner, 0750)));
    }

    static Place overNothing() {
      return new Place(IndexForm.OVERLAY, InheritedAttributes.ofTop(), LowerAttributes.NOTHING);
    }

    /** The inherited attributes are the defaults, so that they are not visible. */
    static Place overTheSame() {
      return new Place(
          IndexForm.OVERLAY,
          InheritedAttributes.ofTop(),
          _ -> Optional.of(InheritedAttributes.ofTop()));
    }

    /** New entries in it get its group as well. */
    static Place overGroup() {
      return new Place(
          IndexForm.OVERLAY, InheritedAttributes.ofTop(), _ -> Optional.of(of(5, 02755)));
    }

    private static InheritedAttributes of(int owner, int mode) {
      return new InheritedAttributes(mode, owner, owner, new Timespec(owner, 7), NO_XATTRS);
    }
  }

  @TempDir private Path temporary;

  private Path root() {
    return temporary.resolve("root");
  }

  /**
   * {@return the indexes of a layer in these places, each derived from an earlier one if possible}
   */
  private List<Path> keep(byte[] tar, List<Place> places) throws Exception {
    Disk disk = new UnsyncedDisk();
    BytesBlob blob = new BytesBlob(tar);
    List<Path> indexes = new ArrayList<>();
    try (Root root = Root.open(disk, root());
        LayerPipeline pipeline = new LayerPipeline(1, 0)) {
      LayerStore store = LayerStore.open(disk, root, SyncWatch.alone());
      IndexedWriter apply = new IndexedWriter(disk, pipeline, new TarWriteMode(true, false));
      try (LayerIngest ingest = store.ingest();
          InMemoryTemplate late = apply.prefetch(blob, ingest, new Cancellation()).orElseThrow();
          LayerStore.LayerRef ref = store.publish(ingest, late.layer(), blob.digest(), false)) {
        for (Place place : places) {
          Digest index =
              store
                  .reindex(ref, place.form(), place.top(), place.below(), false, new Cancellation())
                  .digest();
          indexes.add(layer(tar).resolve("index-" + index.hex()));
        }
      }
    }
    assertThat(indexes).doesNotHaveDuplicates();
    return indexes;
  }

  private Path layer(byte[] tar) {
    return root().resolve("layers").resolve(BytesBlob.digestOf(tar).hex());
  }

  private List<RootFinding> check() throws Exception {
    return RootCheck.withContent(root(), true, (_, _) -> {}).findings().stream()
        .filter(
            finding ->
                finding instanceof RootFinding.DamagedLayer
                    || finding instanceof RootFinding.Corrupt
                    || finding.sentence().contains("only hashed")
                    || isUnproven(finding))
        .toList();
  }

  private static boolean isUnproven(RootFinding finding) {
    return finding instanceof RootFinding.Notice
        && finding.sentence().contains("that it inherits could not be compared");
  }

  /** {@return the index with one byte changed, under its new name} */
  private static Path alter(Path index, byte[] content, int at) throws Exception {
    byte[] altered = content.clone();
    altered[at] ^= 1;
    Files.deleteIfExists(index);
    return Files.write(index.resolveSibling("index-" + BytesBlob.digestOf(altered).hex()), altered);
  }

  /** More than are compared in one pass. */
  @Test
  void basesAndWhatWasMadeOfTheTarOrOfAnotherIndexAreRight() throws Exception {
    List<Place> places = new ArrayList<>(List.of(Place.BASE, Place.overNothing()));
    for (int owner = 1; owner <= IndexesCheck.AT_ONCE_MAX; owner++) {
      places.add(Place.over(owner));
    }
    keep(PLAIN_TAR, places);
    keep(TAR, places.subList(0, 2));
    assertThat(check()).isEmpty();
  }

  @Test
  void ofADirectoryThatIsNamedLaterItDoesNotShowWhatItInheritsAndThatIsTold() throws Exception {
    keep(TAR, List.of(Place.over(1), Place.over(2)));
    keep(PLAIN_TAR, List.of(Place.overTheSame()));
    assertThat(check()).hasSize(3).allMatch(RemadeIndexTest::isUnproven);
  }

  @Test
  void oneOfManyThatIsAnotherIsFound() throws Exception {
    List<Place> places = new ArrayList<>();
    for (int owner = 1; owner <= 2 * IndexesCheck.AT_ONCE_MAX + 1; owner++) {
      places.add(Place.over(owner));
    }
    for (Path index : keep(PLAIN_TAR, places)) {
      byte[] content = Files.readAllBytes(index);
      Path altered = alter(index, content, content.length / 2);
      assertThat(check())
          .singleElement()
          .satisfies(finding -> assertThat(finding.place()).endsWith(altered.getFileName() + ""));
      Files.delete(altered);
      Files.write(index, content);
    }
  }

  /** Places in which all inherited attributes are visible. */
  enum Shown {
    AS_BASE,
    OVER_OTHERS
  }

  @ParameterizedTest
  @EnumSource
  void anIndexThatIsAnotherUnderItsOwnNameIsFoundWhereverItIs(Shown shown) throws Exception {
    List<Path> indexes =
        switch (shown) {
          case AS_BASE -> keep(TAR, List.of(Place.BASE));
          case OVER_OTHERS -> keep(PLAIN_TAR, List.of(Place.over(3)));
        };
    Path altered = indexes.getFirst();
    byte[] content = Files.readAllBytes(altered);
    for (int at = 0; at < content.length; at += 19) {
      altered = alter(altered, content, at);
      Path name = altered.getFileName();
      assertThat(check())
          .as("altered at %d", at)
          .singleElement()
          .satisfies(
              finding -> {
                assertThat(finding).isInstanceOf(RootFinding.DamagedLayer.class);
                assertThat(finding.place()).endsWith(name.toString());
                assertThat(finding.sentence()).contains("differs from the index of its tar");
              });
    }
  }

  @Test
  void whatIsNotInheritedIsComparedWhateverIs() throws Exception {
    Path altered = keep(TAR, List.of(Place.over(3))).getFirst();
    byte[] content = Files.readAllBytes(altered);
    int found = 0;
    for (int at = 0; at < content.length; at += 19) {
      altered = alter(altered, content, at);
      List<RootFinding> findings = check();
      assertThat(findings).as("altered at %d", at).hasSize(1);
      found += findings.getFirst() instanceof RootFinding.DamagedLayer ? 1 : 0;
    }
    // The rest is in the inodes of three directories.
    assertThat(found).isGreaterThan(content.length / 19 - 3 * 64 / 19 - 3);
  }

  @Test
  void anIndexThatIsLongerOrShorterIsFound() throws Exception {
    Path index = keep(TAR, List.of(Place.over(3))).getFirst();
    byte[] content = Files.readAllBytes(index);
    Files.delete(index);
    for (int length : List.of(0, 512, content.length - 512, content.length + 1)) {
      byte[] other = Arrays.copyOf(content, length);
      Path altered = layer(TAR).resolve("index-" + BytesBlob.digestOf(other).hex());
      Files.write(altered, other);
      assertThat(check())
          .as("%d bytes", length)
          .singleElement()
          .isInstanceOf(RootFinding.DamagedLayer.class);
      Files.delete(altered);
    }
  }

  @Test
  void whatAnIndexDoesNotSayThatItInheritsIsToldAndCounted() throws Exception {
    keep(PLAIN_TAR, List.of(Place.BASE, Place.over(1), Place.overGroup()));
    assertThat(check())
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.severity()).isEqualTo(RootFinding.Severity.NOTICE);
              assertThat(finding.sentence()).startsWith("1 of 3 indexes were only hashed");
            });
  }

  @Test
  void withoutARightTarIndexesAreHashedOnly() throws Exception {
    Path index = keep(TAR, List.of(Place.over(1))).getFirst();
    byte[] damaged = TAR.clone();
    damaged[0] ^= 1;
    Files.write(layer(TAR).resolve("tar"), damaged);
    assertThat(check())
        .hasSize(2)
        .anySatisfy(finding -> assertThat(finding.place()).endsWith("/tar"))
        .anySatisfy(
            finding -> {
              assertThat(finding.place()).endsWith(index.getFileName() + "");
              assertThat(finding.sentence()).contains("its tar is damaged or missing");
            });
    Files.delete(layer(TAR).resolve("tar"));
    assertThat(check()).singleElement().isInstanceOf(RootFinding.Notice.class);
  }
}
