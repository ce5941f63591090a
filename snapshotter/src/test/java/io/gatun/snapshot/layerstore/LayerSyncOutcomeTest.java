package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.fault.Fault;
import io.gatun.snapshot.fault.FaultyDisk;
import io.gatun.snapshot.fault.MachineStoppedException;
import io.gatun.snapshot.fault.PageCache;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layerstore.LayerStore.SyncOutcome;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Layers that are synced after they were acknowledged. */
final class LayerSyncOutcomeTest {

  private static final byte[] TAR =
      TarBuilder.pax().directory("d", 0755).file("u/f", 0644, "content".repeat(1000)).finish();
  private static final byte[] GZIP = Compressed.gzip(TAR);
  private static final Digest DIFF_ID = BytesBlob.digestOf(TAR);
  private static final Digest BLOB = BytesBlob.digestOf(GZIP);
  private static final String MARK = "unsynced-" + BLOB.hex();
  private static final String RECORD = "blob-" + BLOB.hex();
  private static final Timespec ZERO = new Timespec(0, 0);
  private static final int CUTS_EACH = 3;

  @TempDir private Path temporary;

  private TestStore open(Disk disk) throws Exception {
    return new TestStore(disk, temporary.resolve("root"), true);
  }

  private static Digest keep(TestStore stored) throws IOException {
    return ((IndexedWriter.Result.Indexed) stored.keep(GZIP, false)).index().digest();
  }

  private static LayerStore.LayerRef use(TestStore stored) throws IOException {
    return stored.store().tryAcquire(DIFF_ID).orElseThrow();
  }

  private static SyncOutcome settle(TestStore stored) throws IOException {
    try (LayerStore.LayerRef ref = use(stored)) {
      return stored.store().syncLayer(ref);
    }
  }

  private static LayerDamage inspect(TestStore stored) throws IOException {
    try (LayerStore.LayerRef ref = use(stored)) {
      return stored.store().inspect(ref);
    }
  }

  private static List<String> names(TestStore stored) throws IOException {
    return TestStore.names(stored.layer(DIFF_ID));
  }

  private static Object fileKey(Path file) throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
  }

  @Test
  void theMarkIsThereUntilAllIsOnTheDisk() throws Exception {
    try (TestStore stored = open(new LinuxDisk())) {
      keep(stored);
      assertThat(names(stored)).contains(MARK).doesNotContain(RECORD);
      try (LayerStore.LayerRef other = use(stored)) {
        assertThat(other.diffId()).isEqualTo(DIFF_ID);
        assertThat(settle(stored)).isEqualTo(SyncOutcome.IN_USE);
      }
      assertThat(names(stored)).contains(MARK);
      assertThat(settle(stored)).isEqualTo(SyncOutcome.DONE);
      assertThat(names(stored)).contains(RECORD).doesNotContain(MARK);
      assertThat(settle(stored)).isEqualTo(SyncOutcome.DONE);
    }
    try (TestStore stored = open(new LinuxDisk())) {
      assertThat(stored.store().unsyncedAtFirst()).isEmpty();
      assertThat(stored.store().diffIdOf(BLOB)).contains(DIFF_ID);
    }
  }

  /** The kernel may have failed to write it, and have dropped both the error and the data. */
  @Test
  void whatIsDoubtedIsReadBeforeTheMarkGoes() throws Exception {
    try (TestStore stored = open(new LinuxDisk())) {
      keep(stored);
      byte[] whole = Files.readAllBytes(stored.tar(DIFF_ID));
      Files.write(stored.tar(DIFF_ID), new byte[whole.length]);
      stored.store().doubt(DIFF_ID);
      assertThat(settle(stored)).isEqualTo(SyncOutcome.DAMAGED);
      assertThat(names(stored)).contains(MARK).doesNotContain(RECORD);
      Files.write(stored.tar(DIFF_ID), whole);
      assertThat(settle(stored)).isEqualTo(SyncOutcome.DONE);
      assertThat(names(stored)).contains(RECORD).doesNotContain(MARK);
      Files.write(stored.tar(DIFF_ID), new byte[whole.length]);
      stored.store().doubt(DIFF_ID);
      assertThat(stored.store().diffIdOf(BLOB)).as("what is on the disk is").contains(DIFF_ID);
    }
  }

  @Test
  void eachBlobIsKnownOfWhichItCanBeRebuilt() throws Exception {
    byte[] other = Compressed.zstd(TAR);
    try (TestStore stored = open(new LinuxDisk())) {
      keep(stored);
      stored.keep(other, false);
    }
    try (TestStore stored = open(new LinuxDisk())) {
      assertThat(stored.store().blobs(DIFF_ID))
          .containsExactlyInAnyOrder(BLOB, BytesBlob.digestOf(other));
      assertThat(inspect(stored).isNone()).isTrue();
      assertThat(settle(stored)).isEqualTo(SyncOutcome.DONE);
      assertThat(names(stored)).doesNotContain(MARK).contains(RECORD).hasSize(4);
    }
  }

  /** Its length does not show in its tar, so no blob is recorded for it. */
  @Test
  void whatCannotBeRebuiltIsSyncedAtOnce() throws Exception {
    byte[] odd = Arrays.copyOf(TAR, TAR.length + 100);
    DiskCalls calls = new DiskCalls(new LinuxDisk());
    try (TestStore stored = open(calls.disk())) {
      int before = calls.count("syncData");
      stored.keep(odd, false);
      assertThat(calls.count("syncData") - before).as("tar and index").isEqualTo(2);
      assertThat(TestStore.names(stored.layer(BytesBlob.digestOf(odd))))
          .noneMatch(name -> name.startsWith("unsynced-"));
    }
  }

  @Test
  void whatADaemonBeforeHasLeftIsHashed() throws Exception {
    Digest index;
    try (TestStore stored = open(new LinuxDisk())) {
      index = keep(stored);
    }
    byte[] whole = Files.readAllBytes(temporary.resolve("root/layers/" + DIFF_ID.hex() + "/tar"));
    for (boolean isTar : new boolean[] {true, false}) {
      try (TestStore stored = open(new LinuxDisk())) {
        Path victim = isTar ? stored.tar(DIFF_ID) : stored.index(DIFF_ID, index);
        byte[] before = Files.readAllBytes(victim);
        Files.write(victim, new byte[before.length]);
        assertThat(stored.store().unsyncedAtFirst()).containsExactly(DIFF_ID);
        assertThat(stored.store().diffIdOf(BLOB)).as("not to be trusted").isEmpty();
        assertThat(inspect(stored))
            .isEqualTo(new LayerDamage(isTar, isTar ? Set.of() : Set.of(index)));
        assertThat(settle(stored)).isEqualTo(SyncOutcome.DAMAGED);
        assertThat(names(stored)).contains(MARK);
        Files.write(victim, before);
      }
    }
    try (TestStore stored = open(new LinuxDisk())) {
      assertThat(inspect(stored).isNone()).isTrue();
      assertThat(settle(stored)).isEqualTo(SyncOutcome.DONE);
      assertThat(stored.store().diffIdOf(BLOB)).contains(DIFF_ID);
      assertThat(stored.tar(DIFF_ID)).hasBinaryContent(whole);
    }
  }

  @Test
  void aFailedSyncHasTheDiskAskedForWhatItHas() throws Exception {
    DiskCalls calls = new DiskCalls(new LinuxDisk());
    try (TestStore stored = open(calls.disk())) {
      keep(stored);
      calls.fail("syncData", Errno.EIO);
      assertThatThrownBy(() -> settle(stored))
          .isInstanceOf(LayerStoreException.class)
          .hasMessageContaining("EIO");
      calls.succeed("syncData");
      byte[] lost = Files.readAllBytes(stored.tar(DIFF_ID));
      lost[lost.length / 2] ^= 1;
      Files.write(stored.tar(DIFF_ID), lost);
      assertThat(settle(stored)).isEqualTo(SyncOutcome.DAMAGED);
      Files.write(stored.tar(DIFF_ID), TAR);
      assertThat(settle(stored)).isEqualTo(SyncOutcome.DONE);
    }
  }

  @Test
  void aTarIsReplacedByAnotherFile() throws Exception {
    try (TestStore stored = open(new LinuxDisk())) {
      keep(stored);
      Object before = fileKey(stored.tar(DIFF_ID));
      try (LayerStore.LayerRef ref = use(stored);
          LayerIngest ingest = stored.store().ingest()) {
        stored.apply(GZIP, ingest);
        stored.store().replaceTar(ref, ingest);
      }
      assertThat(fileKey(stored.tar(DIFF_ID))).isNotEqualTo(before);
      assertThat(stored.tar(DIFF_ID)).hasBinaryContent(TAR);
      assertThat(TestStore.names(stored.layers())).noneMatch(name -> name.contains(".new"));
    }
  }

  // Power failures.

  /** The acknowledged operations. */
  private static final class Answers {
    private final List<Digest> indexes = new ArrayList<>();
    private boolean isSettled;
  }

  private static Answers live(TestStore stored) throws IOException {
    Answers answers = new Answers();
    try {
      answers.indexes.add(keep(stored));
      answers.isSettled = settle(stored) == SyncOutcome.DONE;
      try (LayerStore.LayerRef ref = use(stored)) {
        // From here on, one of its indexes may not be durable.
        answers.isSettled = false;
        answers.indexes.add(
            stored
                .store()
                .reindex(
                    ref,
                    IndexForm.OVERLAY,
                    InheritedAttributes.ofTop(),
                    _ -> Optional.of(new InheritedAttributes(0700, 0, 0, ZERO, Map.of())),
                    false,
                    new Cancellation())
                .digest());
      }
      answers.isSettled = settle(stored) == SyncOutcome.DONE;
    } catch (MachineStoppedException e) {
      // The expected power failure.
      return answers;
    }
    return answers;
  }

  @Test
  void whatWasAnsweredIsWholeAfterAPowerCutOrMarkedAndCanBeRebuilt() throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    long nth = 0;
    int damaged = 0;
    boolean isCut;
    do {
      nth++;
      isCut = false;
      for (int i = 0; i < CUTS_EACH; i++) {
        Outcome outcome = cut(nth, random, "seed %d, effect %d".formatted(seed, nth));
        isCut |= outcome.isCut();
        damaged += outcome.isDamaged() ? 1 : 0;
      }
    } while (isCut);
    assertThat(nth).isGreaterThan(20);
    assertThat(damaged).as("layers that were found damaged").isPositive();
  }

  private record Outcome(boolean isCut, boolean isDamaged) {}

  private Outcome cut(long nth, Random random, String what) throws Exception {
    Path base = Files.createTempDirectory(temporary, "cut");
    Path root = base.resolve("root");
    PageCache cache =
        new PageCache(
            new LinuxDisk(),
            base,
            Files.createDirectory(temporary.resolve("s" + base.getFileName())));
    FaultyDisk disk = new FaultyDisk(cache);
    new TestStore(disk, root, true).close();
    disk.syncFilesystem(Fd.CURRENT_DIRECTORY);
    disk.planFault(nth, new Fault.TornStop());
    Answers answers = new Answers();
    try (TestStore stored = new TestStore(disk, root, true)) {
      answers = live(stored);
    } catch (MachineStoppedException e) {
      // It happened when the store was opened or closed.
      assertThat(answers.indexes).isEmpty();
    }
    boolean isCut = disk.fired().isPresent();
    disk.stop();
    cache.cutPower(random);
    boolean isDamaged = false;
    try (TestStore stored = new TestStore(new LinuxDisk(), root, true)) {
      for (Digest index : answers.indexes) {
        assertThat(stored.store().contains(DIFF_ID, index)).as(what).isTrue();
        boolean isWhole =
            Arrays.equals(Files.readAllBytes(stored.tar(DIFF_ID)), TAR)
                && BytesBlob.digestOf(Files.readAllBytes(stored.index(DIFF_ID, index)))
                    .equals(index);
        if (!isWhole) {
          isDamaged = true;
          assertThat(answers.isSettled).as(what).isFalse();
          assertThat(stored.store().unsyncedAtFirst()).as(what).containsExactly(DIFF_ID);
          assertThat(stored.store().blobs(DIFF_ID)).as(what).containsExactly(BLOB);
          assertThat(inspect(stored).isNone()).as(what).isFalse();
        }
      }
    }
    return new Outcome(isCut, isDamaged);
  }
}
