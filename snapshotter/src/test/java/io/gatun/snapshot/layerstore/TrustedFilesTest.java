package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.layer.read.BytesBlob;
import org.junit.jupiter.api.Test;

/** What is known of files whose names others may give to other files meanwhile. */
final class TrustedFilesTest {

  private static final Digest DIFF_ID = BytesBlob.digestOf(new byte[] {1});
  private static final LayerFile TAR = LayerFile.Tar.TAR;

  private final TrustedFiles trusted = new TrustedFiles(SyncWatch.alone());

  private void write() {
    trusted.written(DIFF_ID, TAR, trusted.mark());
  }

  @Test
  void aFileThatWasWrittenAndSyncedIsDurable() {
    write();
    TrustedFiles.Knowledge known = trusted.of(DIFF_ID, TAR);
    assertThat(trusted.synced(DIFF_ID, TAR, known)).isTrue();
    assertThat(trusted.isDurable(DIFF_ID, TAR)).isTrue();
  }

  @Test
  void oneThatHasTakenTheNameWhileAnotherWasSyncedIsNot() {
    TrustedFiles.Knowledge known = trusted.of(DIFF_ID, TAR);
    write();
    assertThat(trusted.synced(DIFF_ID, TAR, known)).isFalse();
    assertThat(trusted.contains(DIFF_ID, TAR)).isTrue();
    assertThat(trusted.isDurable(DIFF_ID, TAR)).isFalse();
  }

  @Test
  void oneThatHasTakenTheNameWhileAnotherWasHashedIsNot() {
    write();
    trusted.doubt(DIFF_ID);
    TrustedFiles.Knowledge known = trusted.of(DIFF_ID, TAR);
    write();
    assertThat(trusted.verified(DIFF_ID, TAR, known)).isFalse();
    assertThat(trusted.isDurable(DIFF_ID, TAR)).isFalse();
  }

  @Test
  void ofOneOfWhichNothingWasKnownNothingIsWhenItWasSyncedAndAllWhenItWasHashed() {
    TrustedFiles.Knowledge known = trusted.of(DIFF_ID, TAR);
    assertThat(trusted.synced(DIFF_ID, TAR, known)).isTrue();
    assertThat(trusted.contains(DIFF_ID, TAR)).isFalse();
    assertThat(trusted.verified(DIFF_ID, TAR, known)).isTrue();
    assertThat(trusted.isDurable(DIFF_ID, TAR)).isTrue();
  }

  @Test
  void whatWasSaidOfARemovedFileIsNotSaidOfTheNext() {
    write();
    TrustedFiles.Knowledge known = trusted.of(DIFF_ID, TAR);
    trusted.removeAll(DIFF_ID);
    write();
    assertThat(trusted.synced(DIFF_ID, TAR, known)).isFalse();
    assertThat(trusted.isDurable(DIFF_ID, TAR)).isFalse();
  }
}
