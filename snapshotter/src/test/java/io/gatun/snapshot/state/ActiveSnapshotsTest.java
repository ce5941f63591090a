package io.gatun.snapshot.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The transitions between unpack states, and the files that record them. */
class ActiveSnapshotsTest {

  private static final long ID = 7;
  private static final String KEY = "extract-7 layer";
  private static final Timespec FIRST = new Timespec(1, 0);
  private static final Timespec SECOND = new Timespec(2, 0);

  private static final ActiveSnapshots.Layer TREE =
      new ActiveSnapshots.Layer(
          new TreeResult(new Usage(3, 4), Optional.of(ImplicitDirectoryList.EMPTY), false),
          true,
          List.of(FIRST));

  private static final ActiveSnapshots.Layer INDEXED =
      new ActiveSnapshots.Layer(new LayerForm.Indexed(digest(1), digest(2)), true, List.of(FIRST));

  @TempDir private Path temporary;
  private Root root;
  private Path directory;
  private ActiveSnapshots states;

  @BeforeEach
  void open() throws Exception {
    root = Root.open(new UnsyncedDisk(), temporary.resolve("root"));
    directory = Files.createDirectory(temporary.resolve("root/snapshots").resolve("" + ID));
    states = another();
    states.created(ID, FIRST);
  }

  /** {@return the states of a later daemon, which reads the files} */
  private ActiveSnapshots another() throws Exception {
    return new ActiveSnapshots(new UnsyncedDisk(), root, "this boot");
  }

  @AfterEach
  void close() {
    root.close();
  }

  private static Digest digest(int content) {
    return BytesBlob.digestOf(new byte[] {(byte) content});
  }

  @Test
  void aLayerIsKnownFromTheMomentInWhichItIsComplete() throws Exception {
    states.begin(KEY, ID);
    states.prepared(ID);
    states.markUnpacking(ID);
    assertThat(directory.resolve("unpacking")).isEmptyFile();
    assertThat(states.isUnpacking(ID)).isTrue();
    assertThat(states.areUnpacking()).isTrue();
    assertThat(states.find(ID)).isEmpty();
    states.unpacked(ID, TREE);
    assertThat(directory.resolve("unpacking")).doesNotExist();
    assertThat(directory.resolve("applied")).isNotEmptyFile();
    assertThat(states.areUnpacking()).isFalse();
    assertThat(states.find(ID)).contains(TREE);
    assertThat(states.createdAt(ID)).contains(FIRST);
    states.requireComplete(KEY, ID);
    assertThat(another().find(ID)).contains(TREE);
  }

  @Test
  void whileALayerIsUnpackedOthersAreRefused() {
    states.begin(KEY, ID);
    assertRefused(() -> states.begin(KEY, ID));
    assertRefused(() -> states.requireComplete(KEY, ID));
    assertRefused(() -> states.requireReadable(KEY, ID));
    assertRefused(() -> states.requireRemovable(KEY, ID));
    states.end(ID);
    states.requireComplete(KEY, ID);
    states.requireReadable(KEY, ID);
    states.requireRemovable(KEY, ID);
  }

  private static void assertRefused(Runnable transition) {
    assertThatThrownBy(transition::run).isInstanceOf(SnapshotException.FailedPrecondition.class);
  }

  @Test
  void nothingIsKnownOfALayerThatOthersMayHaveChanged() throws Exception {
    apply(TREE);
    states.markExposed(ID);
    assertThat(states.find(ID)).isEmpty();
    assertThat(directory.resolve("applied")).doesNotExist();
    assertThat(states.createdAt(ID)).contains(FIRST);
    states.requireComplete(KEY, ID);
  }

  @Test
  void mountsThatWereHandedOutMeanwhileAreRemembered() throws Exception {
    states.begin(KEY, ID);
    states.markUnpacking(ID);
    assertThat(states.ifNotExposed(ID, () -> {})).isTrue();
    states.markExposed(ID);
    assertThat(states.ifNotExposed(ID, () -> {})).isFalse();
    assertThat(states.indexed(ID, INDEXED)).isFalse();
    assertThat(states.isUnpacking(ID)).isTrue();
    states.unpacked(ID, TREE);
    assertThat(states.isUnpacking(ID)).isFalse();
    assertThat(states.find(ID)).isEmpty();
    assertThat(directory.resolve("applied")).doesNotExist();
    // The exposure concerned that layer only.
    apply(TREE);
    assertThat(states.find(ID)).contains(TREE);
  }

  @Test
  void aPartOfALayerIsRememberedUntilThereIsANewDirectory() {
    states.begin(KEY, ID);
    states.markPartial(ID);
    states.end(ID);
    assertThat(states.isPartial(ID)).isTrue();
    assertRefused(() -> states.requireComplete(KEY, ID));
    assertRefused(() -> states.requireReadable(KEY, ID));
    states.requireRemovable(KEY, ID);
    states.begin(KEY, ID);
    assertThat(states.isPartial(ID)).isTrue();
    states.end(ID);
    assertThat(states.isPartial(ID)).isTrue();
    states.begin(KEY, ID);
    states.created(ID, SECOND);
    assertThat(states.isPartial(ID)).isFalse();
    assertThat(states.isUnpacking(ID)).isTrue();
    states.end(ID);
    assertThat(states.createdAt(ID)).contains(SECOND);
    states.requireComplete(KEY, ID);
  }

  @Test
  void aDamagedLayerCountsAsAPart() throws Exception {
    apply(TREE);
    states.markPartial(ID);
    assertThat(states.isPartial(ID)).isTrue();
    assertRefused(() -> states.requireComplete(KEY, ID));
  }

  @Test
  void aLayerThatWasFoundDamagedBeforeItWasCompleteCountsAsAPart() throws Exception {
    states.begin(KEY, ID);
    states.recordIndexed(ID, INDEXED);
    states.markPartial(ID);
    assertThat(states.indexed(ID, INDEXED)).isTrue();
    assertThat(states.isUnpacking(ID)).isFalse();
    assertRefused(() -> states.requireComplete(KEY, ID));
  }

  @Test
  void anIndexedLayerIsNoDirectoryLayerToALaterDaemon() throws Exception {
    states.begin(KEY, ID);
    states.recordIndexed(ID, INDEXED);
    assertThat(states.indexed(ID, INDEXED)).isTrue();
    assertThat(states.findIndexed(ID)).contains(INDEXED);
    assertThat(directory.resolve("unpacking")).isNotEmptyFile();
    assertThat(directory.resolve("applied")).doesNotExist();
    assertThat(another().findIndexed(ID)).contains(INDEXED);
    // The mounts show the layer only after it is materialized, which needs the record.
    states.markExposed(ID);
    assertThat(states.find(ID)).isEmpty();
    assertThat(states.findRecordedIndexed(ID)).contains(INDEXED);
    states.created(ID, SECOND);
    assertThat(states.createdAt(ID)).contains(SECOND);
    assertThat(states.find(ID)).isEmpty();
  }

  @Test
  @Timeout(value = 30, unit = TimeUnit.SECONDS)
  void whoNeedsTheFilesWaitsForThePreparationAlone() throws Exception {
    states.awaitPreparation(ID);
    states.begin(KEY, ID);
    assertThat(states.isPreparing(ID)).isTrue();
    Thread waiting = Thread.ofPlatform().start(() -> states.awaitPreparation(ID));
    states.prepared(ID);
    waiting.join();
    assertThat(states.isPreparing(ID)).isFalse();
    assertThat(states.isUnpacking(ID)).isTrue();
    states.awaitPreparation(ID);
    states.end(ID);
    states.begin(KEY, ID);
    Thread another = Thread.ofPlatform().start(() -> states.awaitPreparation(ID));
    states.end(ID);
    another.join();
  }

  @Test
  void whatIsCommittedOrRemovedIsForgotten() throws Exception {
    apply(TREE);
    states.committed(ID);
    assertThat(states.createdAt(ID)).isEmpty();
    assertThat(states.find(ID)).isEmpty();
    assertThat(directory).isEmptyDirectory();
    apply(TREE);
    states.removed(ID);
    assertThat(states.createdAt(ID)).isEmpty();
    assertThat(states.areUnpacking()).isFalse();
  }

  private void apply(ActiveSnapshots.Layer layer) throws Exception {
    states.begin(KEY, ID);
    states.markUnpacking(ID);
    states.unpacked(ID, layer);
  }
}
