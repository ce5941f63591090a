package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.layer.read.BytesBlob;
import org.junit.jupiter.api.Test;

/** States of files whose names are given to other files meanwhile. */
final class FileStatesTest {

  private static final Digest DIFF_ID = BytesBlob.digestOf(new byte[] {1});
  private static final LayerFile TAR = LayerFile.Tar.TAR;

  private final FileStates fileStates = new FileStates(SyncWatch.alone());

  private void write() {
    fileStates.written(DIFF_ID, TAR, fileStates.mark());
  }

  @Test
  void aFileThatWasWrittenAndSyncedIsDurable() {
    write();
    FileStates.FileState known = fileStates.of(DIFF_ID, TAR);
    assertThat(fileStates.synced(DIFF_ID, TAR, known)).isTrue();
    assertThat(fileStates.isDurable(DIFF_ID, TAR)).isTrue();
  }

  @Test
  void oneThatHasTakenTheNameWhileAnotherWasSyncedIsNot() {
    FileStates.FileState known = fileStates.of(DIFF_ID, TAR);
    write();
    assertThat(fileStates.synced(DIFF_ID, TAR, known)).isFalse();
    assertThat(fileStates.contains(DIFF_ID, TAR)).isTrue();
    assertThat(fileStates.isDurable(DIFF_ID, TAR)).isFalse();
  }

  @Test
  void oneThatHasTakenTheNameWhileAnotherWasHashedIsNot() {
    write();
    fileStates.markUnknown(DIFF_ID);
    FileStates.FileState known = fileStates.of(DIFF_ID, TAR);
    write();
    assertThat(fileStates.verified(DIFF_ID, TAR, known)).isFalse();
    assertThat(fileStates.isDurable(DIFF_ID, TAR)).isFalse();
  }

  @Test
  void ofOneOfWhichNothingWasKnownNothingIsWhenItWasSyncedAndAllWhenItWasHashed() {
    FileStates.FileState known = fileStates.of(DIFF_ID, TAR);
    assertThat(fileStates.synced(DIFF_ID, TAR, known)).isTrue();
    assertThat(fileStates.contains(DIFF_ID, TAR)).isFalse();
    assertThat(fileStates.verified(DIFF_ID, TAR, known)).isTrue();
    assertThat(fileStates.isDurable(DIFF_ID, TAR)).isTrue();
  }

  @Test
  void whatWasSaidOfARemovedFileIsNotSaidOfTheNext() {
    write();
    FileStates.FileState known = fileStates.of(DIFF_ID, TAR);
    fileStates.removeAll(DIFF_ID);
    write();
    assertThat(fileStates.synced(DIFF_ID, TAR, known)).isFalse();
    assertThat(fileStates.isDurable(DIFF_ID, TAR)).isFalse();
  }
}
