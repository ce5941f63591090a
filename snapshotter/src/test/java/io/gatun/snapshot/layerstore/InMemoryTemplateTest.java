package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Indexes that are written after their layers have been read and the ingests are closed. */
class InMemoryTemplateTest {

  private static final InheritedAttributes TOP = InheritedAttributes.ofTop();
  private static final InheritedAttributes OTHER =
      new InheritedAttributes(0700, 1, 2, new Timespec(3, 4), Map.of());

  /** More entries than the memory for a tree holds. */
  private static final int MANY = 80_000;

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

  /** A stored layer without an index. */
  private record Kept(LayerStore.LayerRef ref, InMemoryTemplate late) implements AutoCloseable {
    @Override
    public void close() {
      late.close();
      ref.close();
    }
  }

  private Kept keep(TarBuilder tar) throws Exception {
    BytesBlob blob = new BytesBlob(tar.finish());
    try (LayerIngest ingest = stored.store().ingest()) {
      InMemoryTemplate late =
          stored.indexed().prefetch(blob, ingest, new Cancellation()).orElseThrow();
      return new Kept(stored.store().publish(ingest, late.layer(), blob.digest(), false), late);
    }
  }

  @Test
  void aTreeThatDoesNotFitIntoMemoryWaitsInAFile() throws Exception {
    TarBuilder tar = TarBuilder.pax();
    for (int i = 0; i < MANY; i++) {
      tar.file("d%d/f%d".formatted(i / 1000, i), 0644, "");
    }
    LowerAttributes below = path -> Optional.of(OTHER);
    try (Kept kept = keep(tar)) {
      assertThat(kept.late.inherit(IndexForm.OVERLAY, OTHER, below)).isTrue();
      LayerIndex index = stored.store().addIndex(kept.ref, kept.late, false);
      assertThat(index.isSpilled()).isTrue();
      LayerIndex again =
          stored
              .store()
              .reindex(kept.ref, IndexForm.OVERLAY, OTHER, below, false, new Cancellation());
      assertThat(index.digest()).isEqualTo(again.digest());
    }
  }

  @Test
  void aBaseAndAnythingThatIsPassedOnComeTooLate() throws Exception {
    InheritedAttributes group = new InheritedAttributes(02755, 0, 0, new Timespec(0, 0), Map.of());
    InheritedAttributes attribute =
        new InheritedAttributes(
            0755, 0, 0, new Timespec(0, 0), Map.of(LinuxPath.of("user.a"), new byte[] {1}));
    try (Kept kept = keep(TarBuilder.pax().file("d/f", 0644, ""))) {
      InMemoryTemplate late = kept.late;
      assertThat(late.inherit(IndexForm.BASE, TOP, LowerAttributes.NOTHING)).isFalse();
      assertThat(late.inherit(IndexForm.OVERLAY, group, LowerAttributes.NOTHING)).isFalse();
      assertThat(late.inherit(IndexForm.OVERLAY, TOP, _ -> Optional.of(group))).isFalse();
      assertThat(late.inherit(IndexForm.OVERLAY, TOP, _ -> Optional.of(attribute))).isFalse();
      assertThat(late.inherit(IndexForm.OVERLAY, TOP, _ -> Optional.of(OTHER))).isTrue();
    }
  }

  @Test
  void soManyDirectoriesCanInheritLate() throws Exception {
    TarBuilder tar = TarBuilder.pax();
    for (int i = 0; i < 1_000; i++) {
      tar.file("d%d/f".formatted(i), 0644, "");
    }
    try (Kept kept = keep(tar)) {
      assertThat(kept.late.inherit(IndexForm.OVERLAY, TOP, _ -> Optional.of(OTHER))).isTrue();
    }
    TarBuilder oneMore = TarBuilder.pax();
    for (int i = 0; i < 1_001; i++) {
      oneMore.file("d%d/f".formatted(i), 0644, "");
    }
    try (Kept kept = keep(oneMore)) {
      assertThat(kept.late.inherit(IndexForm.OVERLAY, TOP, _ -> Optional.of(OTHER))).isFalse();
    }
  }

  @Test
  void whatIsReadToWarmUpLeavesNothing() throws Exception {
    BytesBlob blob =
        new BytesBlob(TarBuilder.pax().file("d/f", 0644, "content").file("a", 0600, "").finish());
    stored.indexed().warmUp(blob, new Cancellation());
    assertThat(TestStore.names(stored.layers())).isEmpty();
    assertThat(stored.store().diffIdOf(blob.digest())).isEmpty();
    BytesBlob other = new BytesBlob(TarBuilder.pax().finish()).saying(blob.digest());
    assertThatThrownBy(() -> stored.indexed().warmUp(other, new Cancellation()))
        .isInstanceOf(InvalidLayerException.class);
  }
}
