package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Indexes that are derived from another index of the layer instead of its tar. */
class ImageTemplateTest {

  private static final InheritedAttributes TOP = InheritedAttributes.ofTop();
  private static final InheritedAttributes OTHER =
      new InheritedAttributes(01700, 100_000, 2, new Timespec(-3, 4), Map.of());
  private static final LowerAttributes SOMETHING = path -> Optional.of(OTHER);

  @TempDir private Path temporary;
  private TestStore stored;

  @BeforeEach
  void open() throws Exception {
    stored = new TestStore(new UnsyncedDisk(), temporary.resolve("root"));
  }

  @AfterEach
  void close() {
    stored.close();
  }

  /** The attributes that a layer inherits in one place, and then in another. */
  private void check(
      TarBuilder tar,
      LowerAttributes first,
      InheritedAttributes top,
      LowerAttributes then,
      boolean isCopied)
      throws Exception {
    LayerStore store = stored.store();
    BytesBlob blob = new BytesBlob(tar.finish());
    try (LayerIngest ingest = store.ingest();
        InMemoryTemplate late =
            stored.indexed().prefetch(blob, ingest, new Cancellation()).orElseThrow();
        LayerStore.LayerRef ref = store.publish(ingest, late.layer(), blob.digest(), false)) {
      Digest one = reindex(ref, TOP, first).digest();
      LayerIndex other = reindex(ref, top, then);
      assertThat(other.treeBytes() == 0).as("is copied").isEqualTo(isCopied);
      Path file = stored.index(ref.diffId(), other.digest());
      byte[] content = Files.readAllBytes(file);
      Files.delete(stored.index(ref.diffId(), one));
      Files.deleteIfExists(file);
      LayerIndex again = reindex(ref, top, then);
      assertThat(again.treeBytes()).as("is made of the tar").isPositive();
      assertThat(again.digest()).isEqualTo(other.digest());
      assertThat(file).hasBinaryContent(content);
    }
  }

  private LayerIndex reindex(
      LayerStore.LayerRef ref, InheritedAttributes top, LowerAttributes below) throws Exception {
    return stored.store().reindex(ref, IndexForm.OVERLAY, top, below, false, new Cancellation());
  }

  @Test
  void whatIsInheritedIsExchanged() throws Exception {
    check(
        TarBuilder.pax().file("d/e/f", 0644, "x"), LowerAttributes.NOTHING, OTHER, SOMETHING, true);
  }

  @Test
  void whatIsNoLongerInheritedIsAsItIsByItself() throws Exception {
    check(TarBuilder.pax().file("d/f", 0644, ""), SOMETHING, TOP, LowerAttributes.NOTHING, true);
  }

  @Test
  void aGroupThatIsPassedOnWithinTheLayerStays() throws Exception {
    TarBuilder tar = TarBuilder.pax().owner(1, 7).directory("g", 02755).file("g/d/f", 0644, "");
    check(tar, SOMETHING, OTHER, LowerAttributes.NOTHING, true);
  }

  @Test
  void aDirectoryThatIsNamedLaterInheritsNothing() throws Exception {
    TarBuilder tar = TarBuilder.pax().file("d/f", 0644, "").directory("d", 0711);
    check(tar, LowerAttributes.NOTHING, TOP, SOMETHING, true);
  }

  @Test
  void aDirectoryThatIsGoneAndOneThatHidesWhatIsBelowStay() throws Exception {
    TarBuilder tar =
        TarBuilder.pax()
            .file("gone/f", 0644, "")
            .file("gone", 0644, "")
            .file("hides/d/f", 0644, "")
            .file("hides/.wh..wh..opq", 0644, "")
            .file(".wh..wh..opq", 0644, "");
    check(tar, LowerAttributes.NOTHING, OTHER, SOMETHING, true);
  }

  @Test
  void whatIsPassedOnToWhatIsWithinIsMadeOfTheTar() throws Exception {
    InheritedAttributes group = new InheritedAttributes(02755, 0, 9, new Timespec(0, 0), Map.of());
    InheritedAttributes attribute =
        new InheritedAttributes(
            0755, 0, 0, new Timespec(0, 0), Map.of(LinuxPath.of("user.a"), new byte[] {1}));
    TarBuilder tar = TarBuilder.pax().file("d/e/f", 0644, "");
    check(tar, LowerAttributes.NOTHING, group, SOMETHING, false);
    for (InheritedAttributes each : new InheritedAttributes[] {group, attribute}) {
      TarBuilder another = TarBuilder.pax().file("d/e/f", 0644, each.xattrs() + "" + each.mode());
      check(another, path -> Optional.of(each), OTHER, SOMETHING, false);
    }
  }

  @Test
  void soIsWhatNeedsTooManyDirectoriesOrTooLongPaths() throws Exception {
    TarBuilder many = TarBuilder.pax();
    for (int i = 0; i <= 1_000; i++) {
      many.file("d%d/f".formatted(i), 0644, "");
    }
    check(many, LowerAttributes.NOTHING, OTHER, SOMETHING, false);
    String longPath = ("n".repeat(250) + "/").repeat(14);
    TarBuilder deep = TarBuilder.pax();
    for (int i = 0; i < 5; i++) {
      deep.file(i + "/" + longPath + "f", 0644, "");
    }
    check(deep, LowerAttributes.NOTHING, OTHER, SOMETHING, false);
  }

  @Test
  void aTarThatWasCutShortIsFoundDamaged() throws Exception {
    LayerStore store = stored.store();
    BytesBlob blob = new BytesBlob(TarBuilder.pax().file("d/f", 0644, "content").finish());
    try (LayerIngest ingest = store.ingest();
        InMemoryTemplate late =
            stored.indexed().prefetch(blob, ingest, new Cancellation()).orElseThrow();
        LayerStore.LayerRef ref = store.publish(ingest, late.layer(), blob.digest(), false)) {
      var _ = reindex(ref, TOP, LowerAttributes.NOTHING);
      try (FileChannel tar = FileChannel.open(stored.tar(ref.diffId()), StandardOpenOption.WRITE)) {
        tar.truncate(512);
      }
      assertThatThrownBy(() -> reindex(ref, OTHER, SOMETHING))
          .isInstanceOf(InvalidLayerException.class);
    }
  }

  @Test
  void aDamagedIndexIsNotCopied() throws Exception {
    LayerStore store = stored.store();
    BytesBlob blob = new BytesBlob(TarBuilder.pax().file("d/f", 0644, "content").finish());
    try (LayerIngest ingest = store.ingest();
        InMemoryTemplate late =
            stored.indexed().prefetch(blob, ingest, new Cancellation()).orElseThrow();
        LayerStore.LayerRef ref = store.publish(ingest, late.layer(), blob.digest(), false)) {
      Path file = stored.index(ref.diffId(), reindex(ref, TOP, LowerAttributes.NOTHING).digest());
      byte[] content = Files.readAllBytes(file);
      LayerIndex right = reindex(ref, OTHER, SOMETHING);
      Files.delete(stored.index(ref.diffId(), right.digest()));
      for (int at = 0; at < content.length; at += 100) {
        byte[] damaged = content.clone();
        damaged[at] ^= 1;
        Files.write(file, damaged);
        LayerIndex other = reindex(ref, OTHER, SOMETHING);
        assertThat(other.treeBytes()).as("damaged at %d", at).isPositive();
        assertThat(other.digest()).isEqualTo(right.digest());
        Files.delete(stored.index(ref.diffId(), other.digest()));
      }
    }
  }
}
