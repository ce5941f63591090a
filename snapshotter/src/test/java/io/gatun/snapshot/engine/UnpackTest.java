package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.FileBlob;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import java.util.function.UnaryOperator;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Unpacks layers, as registries store them, into snapshots. */
@Timeout(60)
class UnpackTest {

  private static final byte[] TAR =
      TarBuilder.pax()
          .directory("etc", 0755)
          .file("etc/hostname", 0644, "gatun")
          .symbolicLink("link", "etc/hostname")
          .file("large", 0600, new byte[300_000])
          .finish();

  private static final byte[] GZIP = gzip(TAR);

  /** More than the pipeline reads and decompresses ahead. */
  private static final byte[] LARGE =
      TarBuilder.pax().directory("a", 0755).file("a/large", 0644, new byte[16 << 20]).finish();

  @TempDir private Path temporary;

  private final DiskCalls calls = new DiskCalls(new UnsyncedDisk());
  private EngineRoot engine;
  private LayerUnpacker unpacker;
  private List<Mount> mounts;

  @BeforeEach
  void open() throws Exception {
    engine = TestEngine.open(temporary.resolve("root"), calls.disk(), UnaryOperator.identity());
    unpacker = engine.unpacker(2);
    mounts = snapshots().prepare("a", "", TestEngine.NO_LABELS);
  }

  @AfterEach
  void close() {
    engine.close();
  }

  private static byte[] gzip(byte[] plain) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(plain);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return out.toByteArray();
  }

  private Snapshotter snapshots() {
    return engine.snapshotter();
  }

  private Path files() {
    return Path.of(mounts.getFirst().source());
  }

  private AppliedLayer unpack(LayerBlob blob) {
    return unpacker.find(mounts).unpack(blob, false, NextLayerHint.UNKNOWN, new Cancellation());
  }

  private void assertReadyForAnotherTry() throws IOException {
    assertThat(files()).isEmptyDirectory();
    assertUnpacked();
  }

  private void assertUnpacked() throws IOException {
    AppliedLayer layer = unpack(new BytesBlob(GZIP));
    assertThat(layer.diffId()).isEqualTo(BytesBlob.digestOf(TAR));
    assertThat(layer.sizeBytes()).isEqualTo(TAR.length);
    assertThat(files().resolve("etc/hostname")).hasContent("gatun");
    assertThat(Files.readSymbolicLink(files().resolve("link"))).hasToString("etc/hostname");
    assertThat(files().resolve("large").toFile()).hasSize(300_000);
  }

  @Test
  void layerIsInTheSnapshotAndItsUsageKnown() throws Exception {
    assertUnpacked();
    snapshots().commit("base", "a", "", Map.of());
    assertThat(snapshots().usage("base").inodes()).isEqualTo(5);
    assertThat(snapshots().usage("base").sizeBytes()).isGreaterThanOrEqualTo(300_000);
    assertThat(calls.count("syncFilesystem")).isEqualTo(1);
  }

  @Test
  void emptyBlobIsAnEmptyLayer() {
    AppliedLayer layer = unpack(new BytesBlob(new byte[0]));
    assertThat(layer.sizeBytes()).isZero();
    assertThat(files()).isEmptyDirectory();
    snapshots().commit("base", "a", "", Map.of());
  }

  @Test
  void damagedLayerIsRefusedWithItsDigestAndThePlace() throws Exception {
    byte[] damaged = GZIP.clone();
    damaged[damaged.length - 6] ^= 1;
    assertThatThrownBy(() -> unpack(new BytesBlob(damaged)))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessageContaining("layer " + BytesBlob.digestOf(damaged))
        .hasMessageContaining("at offset");
    assertReadyForAnotherTry();
  }

  @Test
  void layerThatIsCutShortIsRefused() throws Exception {
    assertThatThrownBy(() -> unpack(new BytesBlob(Arrays.copyOf(GZIP, GZIP.length / 2))))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessageContaining("is truncated");
    assertReadyForAnotherTry();
  }

  @Test
  void blobThatIsNotWhatItsDescriptorSaysIsRefused() throws Exception {
    Digest other = BytesBlob.digestOf(TAR);
    assertThatThrownBy(() -> unpack(new BytesBlob(GZIP).saying(other)))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessageContaining("layer " + other);
    assertThatThrownBy(() -> unpack(new BytesBlob(GZIP).saying(OptionalLong.of(GZIP.length - 1))))
        .isInstanceOf(SnapshotException.InvalidArgument.class);
    assertReadyForAnotherTry();
  }

  @Test
  void layerThatIsNotAllowedNamesTheEntry() throws Exception {
    byte[] tar = TarBuilder.pax().file("one", 0644, "1").whiteout(".").finish();
    assertThatThrownBy(() -> unpack(new BytesBlob(tar)))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessageContaining("layer " + BytesBlob.digestOf(tar))
        .hasMessageContaining("entry \".wh..\"");
    assertReadyForAnotherTry();
  }

  @Test
  void windowThatIsTooLargeInTheMiddleLeavesTheSnapshotToTheNextDiffer() throws Exception {
    byte[] large = TarBuilder.pax().file("one", 0644, new byte[20_000_000]).finish();
    byte[] blob =
        Compressed.joined(
            Compressed.zstd(Arrays.copyOf(large, 9_000_000)),
            Compressed.zstdWithWindow(Arrays.copyOfRange(large, 9_000_000, large.length), 24));
    int before = calls.count("createFile");
    assertThatThrownBy(() -> unpack(new BytesBlob(blob)))
        .isInstanceOf(SnapshotException.Unsupported.class)
        .hasMessageContaining("a window of more than 8388608 bytes");
    // The record of the unpack is one of these files.
    assertThat(calls.count("createFile")).isGreaterThan(before + 1);
    assertReadyForAnotherTry();
  }

  @Test
  void fullDiskIsReportedAsSuchWithTheEntry() throws Exception {
    calls.fail("write", Errno.ENOSPC);
    assertThatThrownBy(() -> unpack(new BytesBlob(GZIP)))
        .isInstanceOf(SnapshotException.ResourceExhausted.class)
        .hasMessageContaining("layer " + BytesBlob.digestOf(GZIP))
        .hasMessageContaining("cannot write etc/hostname")
        .hasMessageContaining("ENOSPC")
        .hasMessageEndingWith("(content at offset 1024)");
    calls.succeed("write");
    assertReadyForAnotherTry();
  }

  @Test
  void failingDiskIsAStorageFailure() throws Exception {
    calls.fail("createSymbolicLink", Errno.EIO);
    assertThatThrownBy(() -> unpack(new BytesBlob(GZIP)))
        .isInstanceOf(SnapshotException.StorageFailure.class)
        .hasMessageContaining("cannot write link")
        .hasMessageEndingWith("(read as far as entry \"link\" at offset 1536)");
    calls.succeed("createSymbolicLink");
    assertReadyForAnotherTry();
  }

  @Test
  void blobThatCannotBeReadAnyMoreIsUnavailable() throws Exception {
    assertThatThrownBy(() -> unpack(new BytesBlob(LARGE).failingAt(15 << 20)))
        .isInstanceOf(SnapshotException.Unavailable.class)
        .hasMessage(
            "apply: layer %s: cannot read at 15728640 (read as far as entry \"a/large\" at offset 512)",
            BytesBlob.digestOf(LARGE));
    assertReadyForAnotherTry();
  }

  @Test
  void blobWhoseFileCannotBeReadIsUnavailable() throws Exception {
    Digest digest = BytesBlob.digestOf(GZIP);
    Path file = Files.createDirectory(temporary.resolve("blob"));
    try (LayerBlob blob = FileBlob.open(file, digest, OptionalLong.empty(), false)) {
      assertThatThrownBy(() -> unpack(blob))
          .isInstanceOf(SnapshotException.Unavailable.class)
          .hasMessageContaining("layer " + digest)
          .hasMessageContaining("EISDIR")
          .hasMessageEndingWith("(at its first entry)");
    }
    assertReadyForAnotherTry();
  }

  @Test
  void cancelledUnpackingLeavesNothing() throws Exception {
    Cancellation cancellation = new Cancellation();
    cancellation.cancel();
    assertThatThrownBy(
            () ->
                unpacker
                    .find(mounts)
                    .unpack(new BytesBlob(GZIP), false, NextLayerHint.UNKNOWN, cancellation))
        .isInstanceOf(CancellationException.class);
    assertReadyForAnotherTry();
  }
}
