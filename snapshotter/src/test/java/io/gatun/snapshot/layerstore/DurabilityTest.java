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
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The order in which layers become durable, and what survives a power failure at any instant. */
final class DurabilityTest {

  private static final byte[] TAR =
      TarBuilder.pax().directory("d", 0755).file("u/f", 0644, "content".repeat(1000)).finish();
  private static final byte[] GZIP = Compressed.gzip(TAR);
  private static final Digest DIFF_ID = BytesBlob.digestOf(TAR);
  private static final String BLOB = "blob-" + BytesBlob.digestOf(GZIP).hex();
  private static final Timespec ZERO = new Timespec(0, 0);
  private static final int CUTS_EACH = 3;

  @TempDir private Path temporary;

  // Order.

  private static Disk recording(Disk real, List<String> calls) {
    return (Disk)
        Proxy.newProxyInstance(
            Disk.class.getClassLoader(),
            new Class<?>[] {Disk.class},
            (_, method, arguments) -> {
              String call = method.getName();
              if (call.startsWith("sync")) {
                calls.add(call + " " + last(arguments[0].toString()));
              } else if (call.equals("replace")) {
                calls.add(
                    "replace %s by %s"
                        .formatted(last(arguments[3].toString()), last(arguments[1].toString())));
              } else if (call.equals("rename")) {
                calls.add("rename " + arguments[1] + " to " + last(arguments[3].toString()));
              }
              try {
                return method.invoke(real, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  /** {@return the last part of a path, with short names for long ones} */
  private static String last(String path) {
    return path.replaceAll("^fd \\d+ \\((.*)\\)$", "$1")
        .replaceAll(".*/(?=.)", "")
        .replace(DIFF_ID.hex(), "DIFF-ID")
        .replaceAll("[0-9a-f]{64}", "SHA256");
  }

  @Test
  void filesAreOnTheDiskBeforeTheirNamesAndNamesBeforeTheAnswer() throws Exception {
    List<String> calls = new ArrayList<>();
    try (TestStore stored = open(recording(new UnsyncedDisk(), calls))) {
      stored.keep(new byte[1024]);
      calls.clear();
      stored.keep(GZIP);
      assertThat(calls)
          .containsExactly(
              "rename index to index-SHA256",
              "syncData tar",
              "syncData index-SHA256",
              "sync 2.new",
              "rename 2.new to DIFF-ID",
              "sync layers");
      calls.clear();
      stored.keep(GZIP);
      assertThat(calls)
          .containsExactly(
              "rename index to index-SHA256",
              "syncData tar",
              "syncData index-SHA256",
              "sync 3.new",
              "rename 3.new to DIFF-ID",
              "syncData tar",
              "syncData index-SHA256",
              "rename %s to blob-SHA256".formatted(BLOB),
              "sync DIFF-ID",
              "sync layers");
    }
  }

  private static String index(TestStore stored) throws IOException {
    return stored.store().indexes(DIFF_ID).iterator().next().hex();
  }

  @Test
  void aTarOfWhichNobodyKnowsIsReplacedBeforeItIsSaidWhichBlobItIs() throws Exception {
    try (TestStore stored = open(new LinuxDisk())) {
      stored.keep(GZIP, false);
    }
    List<String> calls = new ArrayList<>();
    try (TestStore stored = open(recording(new UnsyncedDisk(), calls))) {
      stored.keep(GZIP);
      assertThat(calls)
          .endsWith(
              "rename 1.new to DIFF-ID",
              "rename tar to tar",
              "replace tar by tar",
              "rename index-%s to index-SHA256".formatted(index(stored)),
              "replace index-SHA256 by index-SHA256",
              "sync DIFF-ID",
              "rename %s to blob-SHA256".formatted(BLOB),
              "sync DIFF-ID",
              "sync layers");
    }
  }

  @Test
  void whoWaitsForNothingSyncsNothing() throws Exception {
    List<String> calls = new ArrayList<>();
    try (TestStore stored = open(recording(new UnsyncedDisk(), calls))) {
      stored.keep(new byte[1024]);
      calls.clear();
      stored.keep(GZIP, false);
      assertThat(calls).noneMatch(call -> call.startsWith("sync"));
      assertThat(stored.tar(DIFF_ID)).hasBinaryContent(TAR);
      calls.clear();
      stored.keep(GZIP);
      assertThat(calls).as("for who comes later").contains("syncData tar", "sync DIFF-ID");
    }
  }

  private TestStore open(Disk disk) throws Exception {
    return new TestStore(disk, temporary.resolve("root"));
  }

  // Possible losses.

  private static boolean isKnown(TestStore stored) {
    return stored.store().diffIdOf(BytesBlob.digestOf(GZIP)).isPresent();
  }

  @Test
  void nothingSaysWhichBlobATarIsThatMayNotBeOnTheDisk() throws Exception {
    try (TestStore stored = open(new LinuxDisk())) {
      stored.keep(GZIP, false);
      assertThat(TestStore.names(stored.layer(DIFF_ID))).doesNotContain(BLOB);
      assertThat(isKnown(stored)).as("to who wrote it").isTrue();
    }
    try (TestStore stored = open(new LinuxDisk())) {
      assertThat(isKnown(stored)).isFalse();
      stored.keep(GZIP, false);
      stored.store().sync(DIFF_ID);
      assertThat(TestStore.names(stored.layer(DIFF_ID))).contains(BLOB);
    }
    try (TestStore stored = open(new LinuxDisk())) {
      assertThat(isKnown(stored)).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatAPowerCutHasLeftUnderTheNamesOfALayerIsReplaced(boolean isDurable) throws Exception {
    Digest index;
    try (TestStore stored = open(new LinuxDisk())) {
      index = ((IndexedWriter.Result.Indexed) stored.keep(GZIP, false)).index().digest();
      // As with delayed allocation.
      Files.write(stored.tar(DIFF_ID), new byte[0]);
      Files.write(stored.index(DIFF_ID, index), new byte[4096]);
    }
    try (TestStore stored = open(new LinuxDisk())) {
      stored.keep(GZIP, isDurable);
      assertThat(stored.tar(DIFF_ID)).hasBinaryContent(TAR);
      assertThat(BytesBlob.digestOf(Files.readAllBytes(stored.index(DIFF_ID, index))))
          .isEqualTo(index);
      assertThat(isKnown(stored)).isTrue();
    }
  }

  @Test
  void aTarThatIsOnTheDiskOrJustWrittenIsNotReplaced() throws Exception {
    Object first;
    try (TestStore stored = open(new LinuxDisk())) {
      stored.keep(GZIP, false);
      first = fileKey(stored.tar(DIFF_ID));
      stored.keep(GZIP, true);
      assertThat(fileKey(stored.tar(DIFF_ID))).isEqualTo(first);
    }
    try (TestStore stored = open(new LinuxDisk())) {
      stored.keep(GZIP, false);
      assertThat(fileKey(stored.tar(DIFF_ID))).isEqualTo(first);
    }
  }

  private static Object fileKey(Path file) throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
  }

  @Test
  void aSyncThatFailsTakesTheTrustFromWhatIsNotOnTheDisk() throws Exception {
    DiskCalls calls = new DiskCalls(new LinuxDisk());
    try (TestStore stored = open(calls.disk())) {
      stored.keep(GZIP, false);
      calls.fail("syncData", Errno.EIO);
      assertThatThrownBy(() -> stored.keep(new byte[1024]))
          .isInstanceOf(LayerStoreException.class)
          .hasMessageContaining("EIO");
      calls.succeed("syncData");
      assertThat(isKnown(stored)).isFalse();
      Object lost = fileKey(stored.tar(DIFF_ID));
      stored.keep(GZIP, true);
      assertThat(fileKey(stored.tar(DIFF_ID))).isNotEqualTo(lost);
      calls.fail("syncData", Errno.EIO);
      assertThatThrownBy(() -> stored.keep(new byte[1024])).isInstanceOf(LayerStoreException.class);
      assertThat(isKnown(stored)).as("of what is on the disk").isTrue();
    }
  }

  // Power failures.

  /** Performs all operations on a layer and returns the acknowledged results. */
  private static List<Digest> use(TestStore stored) throws IOException {
    List<Digest> answered = new ArrayList<>();
    try {
      answered.add(((IndexedWriter.Result.Indexed) stored.keep(GZIP)).index().digest());
      try (LayerStore.LayerRef ref = stored.store().tryAcquire(DIFF_ID).orElseThrow()) {
        answered.add(
            stored
                .store()
                .reindex(
                    ref,
                    IndexForm.OVERLAY,
                    InheritedAttributes.ofTop(),
                    _ -> Optional.of(new InheritedAttributes(0700, 0, 0, ZERO, Map.of())),
                    true,
                    new Cancellation())
                .digest());
      }
      answered.add(((IndexedWriter.Result.Indexed) stored.keep(TAR)).index().digest());
    } catch (MachineStoppedException e) {
      // The expected power failure.
      return answered;
    }
    return answered;
  }

  @Test
  void whatWasAnsweredIsThereAfterAPowerCutAndWhatHasANameIsWhole() throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    long effects = run(Long.MAX_VALUE, random, seed);
    assertThat(effects).isGreaterThan(20);
    for (long nth = 1; nth <= effects; nth++) {
      for (int i = 0; i < CUTS_EACH; i++) {
        run(nth, random, seed);
      }
    }
  }

  /** The tar of an unsynced apply, which is lost before it reaches the disk. */
  @Test
  void noPowerCutLeavesABlobThatIsSaidToBeATarWhichWasNotOnTheDisk() throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    long nth = 0;
    boolean isCut;
    do {
      nth++;
      isCut = false;
      for (int i = 0; i < CUTS_EACH; i++) {
        isCut |= runTwice(nth, random, seed);
      }
    } while (isCut);
    assertThat(nth).isGreaterThan(10);
  }

  /**
   * {@return whether the power failed a second time, while a synced apply creates the same layer}
   * How many effects that apply has depends on the first failure.
   */
  private boolean runTwice(long nth, Random random, long seed) throws Exception {
    Path base = Files.createTempDirectory(temporary, "cut");
    Path root = base.resolve("root");
    PageCache cache =
        new PageCache(
            new LinuxDisk(),
            base,
            Files.createDirectory(temporary.resolve("s" + base.getFileName())));
    FaultyDisk disk = new FaultyDisk(cache);
    new TestStore(disk, root).close();
    disk.syncFilesystem(Fd.CURRENT_DIRECTORY);
    try (TestStore stored = new TestStore(disk, root)) {
      stored.keep(GZIP, false);
    }
    cache.cutPower(random);
    disk.planFault(nth, new Fault.TornStop());
    try (TestStore stored = new TestStore(disk, root)) {
      assertThat(isKnown(stored)).isFalse();
      stored.keep(GZIP, true);
    } catch (MachineStoppedException e) {
      // The expected power failure.
    }
    boolean isCut = disk.fired().isPresent();
    String what = "seed %d, %s".formatted(seed, disk.fired());
    disk.stop();
    cache.cutPower(random);
    try (TestStore stored = new TestStore(new LinuxDisk(), root)) {
      assertThat(isKnown(stored) || isCut).as(what).isTrue();
      if (isKnown(stored)) {
        assertThat(stored.tar(DIFF_ID)).as(what).hasBinaryContent(TAR);
      }
    }
    delete(base);
    return isCut;
  }

  /** {@return how many effects there were before the power failure} */
  private long run(long nth, Random random, long seed) throws Exception {
    Path base = Files.createTempDirectory(temporary, "cut");
    Path root = base.resolve("root");
    PageCache cache =
        new PageCache(
            new LinuxDisk(),
            base,
            Files.createDirectory(temporary.resolve("s" + base.getFileName())));
    FaultyDisk disk = new FaultyDisk(cache);
    new TestStore(disk, root).close();
    disk.syncFilesystem(Fd.CURRENT_DIRECTORY);
    long before = disk.effects();
    if (nth != Long.MAX_VALUE) {
      disk.planFault(nth, new Fault.TornStop());
    }
    List<Digest> answered;
    try (TestStore stored = new TestStore(disk, root)) {
      answered = use(stored);
    } catch (MachineStoppedException e) {
      answered = List.of();
    }
    long effects = disk.effects() - before;
    if (nth != Long.MAX_VALUE) {
      assertThat(disk.fired()).isPresent();
      disk.stop();
      if (random.nextBoolean()) {
        cache.cutPower();
      } else {
        cache.cutPower(random);
      }
    }
    String what = "seed %d, %s".formatted(seed, disk.fired());
    try (TestStore stored = new TestStore(new LinuxDisk(), root)) {
      for (Digest index : answered) {
        assertThat(stored.store().contains(DIFF_ID, index)).as(what).isTrue();
      }
      assertThat(stored.store().diffIdOf(BytesBlob.digestOf(GZIP)).isPresent())
          .as(what)
          .isEqualTo(!stored.store().diffIds().isEmpty());
      for (Digest diffId : stored.store().diffIds()) {
        assertThat(stored.tar(diffId)).as(what).hasBinaryContent(TAR);
        for (Digest index : stored.store().indexes(diffId)) {
          assertThat(BytesBlob.digestOf(Files.readAllBytes(stored.index(diffId, index))))
              .as(what)
              .isEqualTo(index);
        }
      }
      assertThat(TestStore.names(stored.layers()))
          .as(what)
          .noneMatch(name -> name.contains(".new"));
    }
    delete(base);
    return effects;
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }
}
