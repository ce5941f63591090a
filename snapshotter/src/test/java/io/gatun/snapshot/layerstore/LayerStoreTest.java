package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.NotIndexable;
import io.gatun.snapshot.layer.extract.TreeWriter;
import io.gatun.snapshot.layer.lower.TestTree;
import io.gatun.snapshot.layer.read.ApplyFailedException;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layerstore.IndexedWriter.Result;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LayerStoreTest {

  private static final byte[] TAR =
      TarBuilder.pax()
          .directory("d", 0755)
          .file("d/f", 0644, "content".repeat(1000))
          .symbolicLink("d/l", "f")
          .hardLink("d/h", 0644, "d/f")
          .file("u/v/f", 0600, "x")
          .whiteout("d/gone")
          .finish();
  private static final byte[] GZIP = Compressed.gzip(TAR);
  private static final Digest DIFF_ID = BytesBlob.digestOf(TAR);

  @TempDir private Path temporary;
  private final DiskCalls calls = new DiskCalls(new UnsyncedDisk());
  private TestStore stored;

  @BeforeEach
  void open() throws Exception {
    reopen(calls.disk());
  }

  private void reopen(Disk disk) throws Exception {
    if (stored != null) {
      stored.close();
    }
    stored = new TestStore(disk, temporary.resolve("root"));
  }

  @AfterEach
  void close() {
    stored.close();
  }

  private Digest keep() throws IOException {
    return ((Result.Indexed) stored.keep(GZIP)).index().digest();
  }

  private List<String> layers() throws IOException {
    return TestStore.names(stored.layers());
  }

  private List<String> trash() throws IOException {
    return TestStore.names(temporary.resolve("root/trash"));
  }

  private static List<String> files(Digest... indexes) {
    List<String> files = new ArrayList<>();
    files.add(DIFF_ID.hex());
    files.add(DIFF_ID.hex() + "/blob-" + BytesBlob.digestOf(GZIP).hex());
    for (Digest index : indexes) {
      files.add(DIFF_ID.hex() + "/index-" + index.hex());
    }
    files.add(DIFF_ID.hex() + "/tar");
    files.sort(null);
    return files;
  }

  @Test
  void aRootWithoutLayersHasNoPlaceForThem() throws IOException {
    assertThat(stored.layers()).doesNotExist();
    assertThat(stored.store().diffIds()).isEmpty();
    assertThat(stored.store().contains(DIFF_ID, DIFF_ID)).isFalse();
    assertThat(stored.store().tryAcquire(DIFF_ID)).isEmpty();
    assertThat(stored.store().diffIdOf(BytesBlob.digestOf(GZIP))).isEmpty();
  }

  @Test
  void anAppliedLayerIsItsTarAndItsIndexForNobodyElseToRead() throws IOException {
    Result.Indexed result = (Result.Indexed) stored.keep(GZIP);
    Digest index = result.index().digest();
    assertThat(result.layer().diffId()).isEqualTo(DIFF_ID);
    assertThat(layers()).containsExactlyElementsOf(files(index));
    assertThat(stored.tar(DIFF_ID)).hasBinaryContent(TAR);
    assertThat(BytesBlob.digestOf(Files.readAllBytes(stored.index(DIFF_ID, index))))
        .isEqualTo(index);
    for (String name : layers()) {
      Path file = stored.layers().resolve(name);
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
          .as(name)
          .isEqualTo(Files.isDirectory(file) ? "rwx------" : "rw-------");
    }
    assertThat(stored.store().diffIds()).containsExactly(DIFF_ID);
    assertThat(stored.store().indexes(DIFF_ID)).containsExactly(index);
    assertThat(stored.store().contains(DIFF_ID, index)).isTrue();
    assertThat(stored.store().contains(DIFF_ID, DIFF_ID)).isFalse();
    try (Fd file = stored.store().openIndex(DIFF_ID, index)) {
      assertThat(Stat.statx(file).sizeBytes()).isEqualTo(result.index().sizeBytes());
    }
  }

  @Test
  void aTarEndsWithAWholeBlock() throws IOException {
    byte[] odd = Arrays.copyOf(TAR, TAR.length + 1);
    odd[TAR.length] = 7;
    Result.Indexed result = (Result.Indexed) stored.keep(odd);
    assertThat(result.layer().diffId()).isEqualTo(BytesBlob.digestOf(odd));
    assertThat(stored.tar(BytesBlob.digestOf(odd)))
        .hasBinaryContent(Arrays.copyOf(odd, TAR.length + 512));
    assertThat(result.index().tarBytes()).isEqualTo(TAR.length + 512);
  }

  /** The state of the previous file does not apply to its replacement. */
  @Test
  void aTarThatTakesThePlaceOfAnotherOneWhileThatIsSyncedIsSyncedToo() throws IOException {
    int undisturbed = syncsToSettle(() -> {});
    AtomicBoolean isReplaced = new AtomicBoolean();
    int disturbed =
        syncsToSettle(
            () -> {
              if (!isReplaced.getAndSet(true)) {
                long before = inode();
                keepUnsynced();
                assertThat(inode()).isNotEqualTo(before);
              }
            });
    assertThat(isReplaced).isTrue();
    assertThat(disturbed).isEqualTo(undisturbed + 1);
  }

  /** Syncs a layer after a sync has failed. */
  private int syncsToSettle(DiskCalls.Step meanwhile) throws IOException {
    keepUnsynced();
    stored.store().doubt(DIFF_ID);
    calls.precede("syncData", meanwhile);
    int before = calls.count("syncData");
    try (LayerStore.LayerRef ref = stored.store().acquire(DIFF_ID)) {
      assertThat(stored.store().syncLayer(ref)).isEqualTo(LayerStore.SyncOutcome.DONE);
    }
    int syncs = calls.count("syncData") - before;
    calls.precede("syncData", () -> {});
    var _ = stored.store().collect(DIFF_ID, Set.of());
    return syncs;
  }

  @Test
  void whoHasLayersMountedIsToldBeforeAndAfterATarIsReplacedAlsoIfItIsNot() throws IOException {
    keepUnsynced();
    long first = inode();
    List<String> told = new ArrayList<>();
    stored
        .store()
        .setListener(
            new TarReplacementListener() {
              @Override
              public void beforeReplace(Digest diffId) {
                told.add("hide " + (inode() == first));
              }

              @Override
              public void afterReplace(Digest diffId) {
                told.add("show " + (inode() == first));
              }
            });
    keepUnsynced();
    assertThat(told).as("nothing is replaced").isEmpty();
    stored.store().distrust(DIFF_ID);
    calls.fail("replace", Errno.EIO);
    assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(this::keepUnsynced);
    calls.succeed("replace");
    keepUnsynced();
    assertThat(told).containsExactly("hide true", "show true", "hide true", "show false");
  }

  private long inode() {
    try {
      return Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(stored.tar(DIFF_ID))).inode();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void keepUnsynced() {
    try {
      stored.keep(GZIP, false);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aLargeTarIsAllocatedAheadAndTakesNoMoreInTheEnd() throws IOException {
    byte[] content = new byte[20 << 20];
    byte[] tar = TarBuilder.pax().file("f", 0644, content).finish();
    stored.keep(Compressed.gzip(tar));
    assertThat(calls.count("allocate")).isEqualTo(1);
    try (StoredTar file = stored.store().openTar(BytesBlob.digestOf(tar))) {
      FileStatus status = Stat.statx(file.file());
      assertThat(status.sizeBytes()).isEqualTo(tar.length);
      assertThat(status.blocks() * FileStatus.BLOCK_BYTES).isLessThan(tar.length + (1 << 20));
    }
  }

  @Test
  void whereNothingCanBeAllocatedAheadTheTarIsWrittenAllTheSame() throws IOException {
    byte[] tar = TarBuilder.pax().file("f", 0644, new byte[20 << 20]).finish();
    for (Errno errno : List.of(Errno.EOPNOTSUPP, Errno.ENOSPC)) {
      calls.fail("allocate", errno);
      int before = calls.count("allocate");
      stored.keep(tar);
      assertThat(calls.count("allocate") - before).isEqualTo(1);
      assertThat(stored.tar(BytesBlob.digestOf(tar))).hasBinaryContent(tar);
      stored.store().collect(BytesBlob.digestOf(tar), Set.of());
    }
    calls.fail("allocate", Errno.EIO);
    assertThatExceptionOfType(LayerStoreException.class)
        .isThrownBy(() -> keepOrReason(tar))
        .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EIO));
  }

  @Test
  void layersAreFoundAgainAndWhatAKilledApplyHasLeftGoesToTheTrash() throws Exception {
    Digest index = keep();
    // Not closed, as if the daemon had died.
    stored.apply(TAR, stored.store().ingest());
    assertThat(layers()).contains("2.new/tar", "2.new/index");
    reopen(calls.disk());
    assertThat(layers()).containsExactlyElementsOf(files(index));
    assertThat(trash()).contains("2.new.1", "2.new.1/tar", "2.new.1/index");
    assertThat(stored.store().diffIds()).containsExactly(DIFF_ID);
    assertThat(stored.store().diffIdOf(BytesBlob.digestOf(GZIP))).contains(DIFF_ID);
    assertThat(stored.store().contains(DIFF_ID, index)).isTrue();
  }

  @Test
  void whatIsNoLayersInLayersIsLeftAlone() throws Exception {
    Digest index = keep();
    Files.writeString(stored.layers().resolve("ab".repeat(32)), "a file in the place of a layer");
    Files.createDirectory(stored.layers().resolve(DIFF_ID.hex() + ".damaged"));
    reopen(calls.disk());
    assertThat(layers()).hasSize(files(index).size() + 2);
    Digest other = Digest.ofHex("ab".repeat(32));
    assertThat(stored.store().indexes(other)).isEmpty();
    assertThat(stored.store().contains(other, index)).isFalse();
    assertThat(stored.store().collect(other, Set.of(index))).isEmpty();
    assertThat(trash()).isEmpty();
  }

  @Test
  void aLayerThatIsThereIsNotWrittenAgain() throws IOException {
    Digest index = keep();
    String before = status(stored.tar(DIFF_ID));
    Result.Indexed again = (Result.Indexed) stored.keep(TAR);
    assertThat(again.index().digest()).isEqualTo(index);
    assertThat(status(stored.tar(DIFF_ID))).isEqualTo(before);
    assertThat(stored.store().diffIdOf(DIFF_ID)).as("the tar as a blob").contains(DIFF_ID);
    assertThat(layers()).hasSize(files(index).size() + 1);
  }

  /** Changes with the file, after a write, a truncation or a rename. */
  private static String status(Path file) throws IOException {
    FileStatus status = Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(file));
    return "inode %d changed %s".formatted(status.inode(), status.changed());
  }

  private static LowerAttributes modes(int mode) {
    return path -> Optional.of(new InheritedAttributes(mode, 1, 2, new Timespec(3, 4), Map.of()));
  }

  @Test
  void aFurtherIndexIsMadeOfTheHeadersAndIsWhatAWholePassMakes() throws IOException {
    keep();
    String before = status(stored.tar(DIFF_ID));
    InheritedAttributes top = InheritedAttributes.ofTop();
    for (int mode : new int[] {0700, 0711}) {
      Digest whole;
      try (LayerIngest ingest = stored.store().ingest()) {
        Result result =
            stored.apply(new BytesBlob(TAR), ingest, IndexForm.OVERLAY, top, modes(mode));
        whole = ((Result.Indexed) result).index().digest();
      }
      try (LayerStore.LayerRef ref = stored.store().tryAcquire(DIFF_ID).orElseThrow()) {
        Digest made = reindex(ref, modes(mode));
        assertThat(made).isEqualTo(whole);
        assertThat(reindex(ref, modes(mode))).as("once more").isEqualTo(whole);
        assertThat(BytesBlob.digestOf(Files.readAllBytes(stored.index(DIFF_ID, made))))
            .isEqualTo(made);
      }
    }
    assertThat(stored.store().indexes(DIFF_ID)).hasSize(3);
    assertThat(status(stored.tar(DIFF_ID))).isEqualTo(before);
    assertThat(layers()).as("no drafts").hasSize(6);
  }

  private Digest reindex(LayerStore.LayerRef ref, LowerAttributes lowerAttributes)
      throws IOException {
    return stored
        .store()
        .reindex(
            ref,
            IndexForm.OVERLAY,
            InheritedAttributes.ofTop(),
            lowerAttributes,
            true,
            new Cancellation())
        .digest();
  }

  @Test
  void reindexingReadsNoMoreThanTheHeadersNeed() throws IOException {
    TarBuilder builder = TarBuilder.pax();
    for (int i = 0; i < 20; i++) {
      builder.file("f" + i, 0644, new byte[1 << 20]);
    }
    byte[] tar = builder.finish();
    stored.keep(tar);
    long before = readBytes();
    try (LayerStore.LayerRef ref =
        stored.store().tryAcquire(BytesBlob.digestOf(tar)).orElseThrow()) {
      reindex(ref, LowerAttributes.NOTHING);
    }
    assertThat(readBytes() - before).isLessThan(2 << 20);
  }

  private static long readBytes() throws IOException {
    return Files.readAllLines(Path.of("/proc/thread-self/io")).stream()
        .filter(line -> line.startsWith("rchar: "))
        .mapToLong(line -> Long.parseLong(line.substring("rchar: ".length())))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void whatNoRecordNamesIsCollectedButNotWhatSomebodyUses() throws IOException {
    Digest kept = keep();
    Digest other;
    try (LayerStore.LayerRef ref = stored.store().tryAcquire(DIFF_ID).orElseThrow()) {
      other = reindex(ref, modes(0700));
      assertThat(stored.store().collect(DIFF_ID, Set.of())).isEmpty();
      assertThat(stored.store().indexes(DIFF_ID)).containsExactlyInAnyOrder(kept, other);
    }
    assertThat(stored.store().collect(DIFF_ID, Set.of(kept))).isEmpty();
    assertThat(layers()).containsExactlyElementsOf(files(kept));
    LinuxPath trashed = stored.store().collect(DIFF_ID, Set.of()).orElseThrow();
    assertThat(layers()).isEmpty();
    assertThat(stored.store().diffIdOf(BytesBlob.digestOf(GZIP))).isEmpty();
    assertThat(trash()).hasSize(4);
    int before = calls.count("removeFile");
    TreeDeletion.delete(calls.disk(), stored.root().trash(), trashed);
    assertThat(calls.count("removeFile") - before).as("unlinks").isEqualTo(3);
    assertThat(trash()).isEmpty();
  }

  @Test
  void retiringTwiceWhileTheTrashIsFullOfTheFirstIsNoProblem() throws IOException {
    for (int i = 0; i < 2; i++) {
      keep();
      stored.store().collect(DIFF_ID, Set.of());
    }
    assertThat(trash()).hasSize(8);
  }

  @Test
  void aLinkInThePlaceOfATarIsNotFollowed() throws IOException {
    keep();
    Path elsewhere = Files.move(stored.tar(DIFF_ID), temporary.resolve("elsewhere"));
    Files.createSymbolicLink(stored.tar(DIFF_ID), elsewhere);
    assertThatThrownBy(() -> stored.store().openTar(DIFF_ID)).hasMessageContaining("ELOOP");
    assertThat(stored.store().tryAcquire(DIFF_ID)).isEmpty();
  }

  @Test
  void aTarThatHasVanishedIsThereAgainAfterTheNextApply() throws IOException {
    Digest index = keep();
    Files.delete(stored.tar(DIFF_ID));
    assertThat(stored.store().contains(DIFF_ID, index)).isFalse();
    assertThat(keep()).isEqualTo(index);
    assertThat(stored.tar(DIFF_ID)).hasBinaryContent(TAR);
    assertThat(layers()).containsExactlyElementsOf(files(index));
  }

  @Test
  void aTreeThatDoesNotFitIntoTheMemoryOfAnApplyIsSpilledAndNothingOfThatIsLeft()
      throws IOException {
    TarBuilder builder = TarBuilder.pax();
    for (int i = 0; i < 80_000; i++) {
      builder.file("d%d/name of file %d".formatted(i % 100, i), 0644, "");
    }
    byte[] tar = builder.finish();
    Result.Indexed result = (Result.Indexed) stored.keep(Compressed.gzip(tar));
    assertThat(result.index().isSpilled()).isTrue();
    assertThat(result.index().inodes()).isEqualTo(80_101);
    assertThat(layers()).hasSize(4);
  }

  // Layers without an index.

  @Test
  void aLayerThatNoIndexCanExpressIsWrittenAsADirectoryFromItsTar() throws IOException {
    byte[] tar =
        TarBuilder.pax()
            .directory("d", 0755)
            .file("d/a", 0644, "before".repeat(300_000))
            .xattr("user.large", new byte[65_536])
            .file("d/b", 0600, "the one")
            .xattr("user.small", new byte[] {1})
            .file("u/c", 0644, "after".repeat(300_000))
            .whiteout("d/gone")
            .finish();
    TestTree direct = TestTree.of(temporary.resolve("direct"), DeletionForm.OVERLAY);
    Exception refusal = null;
    try {
      direct.apply(new LinuxDisk(), tar, TestTree.Before.NOTHING);
    } catch (IOException e) {
      // Many filesystems have no space for such an attribute, either.
      refusal = e;
    }
    TestTree tree = TestTree.of(temporary.resolve("tree"), DeletionForm.OVERLAY);
    Exception refusalFromTar = null;
    try (LayerIngest ingest = stored.store().ingest()) {
      Result result = stored.apply(Compressed.gzip(tar), ingest);
      assertThat(result).isInstanceOf(Result.NotIndexable.class);
      assertThat(((Result.NotIndexable) result).reason().reason())
          .isEqualTo(NotIndexable.ATTRIBUTE_SIZE);
      assertThat(result.layer().diffId()).isEqualTo(BytesBlob.digestOf(tar));
      try (StoredTar from = ingest.openTar();
          TreeWriter writer = TreeWriter.open(new LinuxDisk(), tree.target(), false)) {
        from.read(writer, new Cancellation());
        writer.finish();
      } catch (IOException e) {
        refusalFromTar = e;
      }
    }
    assertThat(tree.lines()).isEqualTo(direct.lines());
    assertThat(String.valueOf(refusalFromTar))
        .isEqualTo(String.valueOf(refusal).replace("/direct", "/tree"));
    assertThat(layers()).isEmpty();
  }

  @Test
  void anOddSparseFileFallsBackWithItsHoles() throws IOException {
    byte[] tar =
        TarBuilder.pax()
            .record("GNU.sparse.major", "0")
            .record("GNU.sparse.minor", "1")
            .record("GNU.sparse.name", "s")
            .record("GNU.sparse.size", "10000")
            .record("GNU.sparse.numblocks", "1")
            .record("GNU.sparse.map", "100,12")
            .file("s", 0644, "0123456789ab")
            .file("t", 0644, "t")
            .finish();
    TestTree direct = TestTree.of(temporary.resolve("direct"), DeletionForm.OVERLAY);
    direct.apply(new LinuxDisk(), tar, TestTree.Before.NOTHING);
    TestTree tree = TestTree.of(temporary.resolve("tree"), DeletionForm.OVERLAY);
    try (LayerIngest ingest = stored.store().ingest()) {
      Result.NotIndexable result = (Result.NotIndexable) stored.apply(tar, ingest);
      assertThat(result.reason().reason()).isEqualTo(NotIndexable.SPARSE_FILE);
      assertThat(stored.indexed().notIndexable(NotIndexable.SPARSE_FILE)).isEqualTo(1);
      assertThat(stored.indexed().notIndexable(NotIndexable.ENTRIES)).isZero();
      try (StoredTar from = ingest.openTar();
          TreeWriter writer = TreeWriter.open(new LinuxDisk(), tree.target(), false)) {
        from.read(writer, new Cancellation());
        writer.finish();
      }
    }
    assertThat(tree.lines()).isEqualTo(direct.lines());
    assertThat(tree.files().resolve("s")).hasSize(10_000);
  }

  @Test
  void aTarThatLooksLikeACompressedOneIsReadAsATar() throws IOException {
    // For a gzip stream inside a gzip stream, only the outer one is the layer's compression.
    byte[] named = new byte[] {0x1f, (byte) 0x8b, 8, 'x'};
    byte[] tar =
        TarBuilder.pax().entry('0', named, 0644, new byte[0], 0, 0, new byte[] {'y'}).finish();
    stored.keep(Compressed.gzip(tar));
    TestTree tree = TestTree.of(temporary.resolve("tree"), DeletionForm.OVERLAY);
    try (StoredTar from = stored.store().openTar(BytesBlob.digestOf(tar));
        TreeWriter writer = TreeWriter.open(new LinuxDisk(), tree.target(), false)) {
      from.read(writer, new Cancellation());
      writer.finish();
    }
    try (var files = Files.list(tree.files())) {
      assertThat(files).hasSize(1);
    }
  }

  // Failures.

  @Test
  void nothingIsLeftOfALayerThatIsDamagedOrCancelled() throws IOException {
    byte[] damaged = GZIP.clone();
    damaged[damaged.length - 5] ^= 1;
    assertThatThrownBy(() -> stored.keep(damaged)).isInstanceOf(InvalidLayerException.class);
    assertThat(layers()).isEmpty();
    Cancellation cancellation = new Cancellation();
    try (LayerIngest ingest = stored.store().ingest()) {
      assertThatThrownBy(
              () ->
                  stored.apply(
                      new BytesBlob(TAR),
                      ingest,
                      IndexForm.OVERLAY,
                      InheritedAttributes.ofTop(),
                      path -> {
                        cancellation.cancel();
                        return Optional.empty();
                      },
                      cancellation))
          .isInstanceOf(ApplyCancelledException.class);
    }
    assertThat(layers()).isEmpty();
    assertThat(stored.store().diffIds()).isEmpty();
  }

  @Test
  void reindexingAndReplayingCanBeCancelled() throws IOException {
    keep();
    Cancellation cancelled = new Cancellation();
    cancelled.cancel();
    try (LayerStore.LayerRef ref = stored.store().tryAcquire(DIFF_ID).orElseThrow();
        StoredTar tar = stored.store().openTar(DIFF_ID)) {
      assertThatThrownBy(
              () ->
                  stored
                      .store()
                      .reindex(
                          ref,
                          IndexForm.BASE,
                          InheritedAttributes.ofTop(),
                          LowerAttributes.NOTHING,
                          true,
                          cancelled))
          .isInstanceOf(ApplyCancelledException.class);
      assertThatThrownBy(() -> tar.read((_, _) -> {}, cancelled))
          .isInstanceOf(ApplyCancelledException.class);
    }
    assertThat(layers()).as("no draft").hasSize(4);
  }

  @Test
  void failuresOfTheDiskAreToldApartFromThoseOfTheLayerAndLeaveNothing() throws IOException {
    for (String call :
        List.of("createDirectory", "createFile", "write", "syncData", "sync", "rename")) {
      calls.fail(call, Errno.ENOSPC);
      int before = calls.count(call);
      assertThatExceptionOfType(LayerStoreException.class)
          .as(call)
          .isThrownBy(() -> keepOrReason(GZIP))
          .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC));
      assertThat(calls.count(call)).as(call).isGreaterThan(before);
      calls.succeed(call);
      assertThat(layers().stream().filter(name -> name.contains(".new"))).as(call).isEmpty();
    }
  }

  private void keepOrReason(byte[] blob) throws IOException {
    try {
      stored.keep(blob);
    } catch (ApplyFailedException e) {
      throw e.reason();
    }
  }

  @Test
  void aTarThatCannotBeReadIsTheFaultOfTheDisk() throws IOException {
    keep();
    Files.delete(stored.tar(DIFF_ID));
    assertThatThrownBy(() -> stored.store().openTar(DIFF_ID)).hasMessageContaining("ENOENT");
    Files.createDirectory(stored.tar(DIFF_ID));
    try (StoredTar tar = stored.store().openTar(DIFF_ID)) {
      assertThatExceptionOfType(LayerStoreException.class)
          .isThrownBy(() -> tar.readHeaders((_, _) -> {}, new Cancellation()))
          .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EISDIR));
    }
  }

  @Test
  void aDraftThatCannotBeTakenAwayStaysForTheNextStart() throws Exception {
    try (LayerIngest ingest = stored.store().ingest()) {
      stored.apply(TAR, ingest);
      calls.fail("removeFile", Errno.EIO);
    }
    assertThat(layers()).contains("1.new/tar");
    calls.succeed("removeFile");
    reopen(calls.disk());
    assertThat(layers()).isEmpty();
  }
}
