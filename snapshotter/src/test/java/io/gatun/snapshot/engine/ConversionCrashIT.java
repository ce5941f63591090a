package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.ChainId;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.MachineStoppedException;
import io.gatun.snapshot.fault.QuietLogs;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.LayerConverter;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.LinuxDisk;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Ends the daemon or fills the disk in place of each effect that a conversion and its reversal have
 * on the disk. Afterwards a container runs on the layers, which are then converted. Every other
 * time, the machine reboots, too. Unsynced writes are not lost here.
 */
@Execution(ExecutionMode.CONCURRENT)
@ExtendWith(QuietLogs.class)
class ConversionCrashIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();

  /** A lower limit far below the actual number. */
  private static final int EFFECTS_MIN = 40;

  private static final byte[] BASE =
      TarBuilder.pax()
          .modified(1_000)
          .directory("etc", 0750)
          .file("etc/hostname", 0644, "gatun")
          .finish();

  private static final byte[] LAYER =
      TarBuilder.pax().modified(2_000).file("etc/added", 0644, "added").finish();

  private static final String BASE_NAME = "k8s.io/2/" + BytesBlob.digestOf(BASE);

  private static final String NAME =
      "k8s.io/4/" + ChainId.of(Optional.of(BytesBlob.digestOf(BASE)), BytesBlob.digestOf(LAYER));

  /** The fault in place of an effect. */
  enum Trouble {
    /** This effect and all later ones are dropped. */
    THE_DAEMON_ENDS,
    /** The effect fails once, for want of space. */
    THE_DISK_IS_FULL
  }

  /** A disk with a fault in place of one effect. */
  private static final class TroubledDisk {
    private final AtomicInteger left = new AtomicInteger(Integer.MAX_VALUE);
    private final Trouble trouble;
    private final Disk disk =
        (Disk)
            Proxy.newProxyInstance(
                Disk.class.getClassLoader(),
                new Class<?>[] {Disk.class},
                (_, method, arguments) -> {
                  meet(method.getName());
                  try {
                    return method.invoke(new LinuxDisk(), arguments);
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
                });

    TroubledDisk(Trouble trouble) {
      this.trouble = trouble;
    }

    private void meet(String effect) throws ErrnoException {
      int number = left.decrementAndGet();
      switch (trouble) {
        case THE_DAEMON_ENDS -> {
          if (number <= 0) {
            throw new MachineStoppedException(effect);
          }
        }
        case THE_DISK_IS_FULL -> {
          if (number == 0) {
            throw new ErrnoException(effect, Errno.ENOSPC, LinuxPath.of("injected"));
          }
        }
      }
    }

    boolean isMet() {
      return left.get() <= 0;
    }
  }

  private static EngineRoot open(Path directory, Disk disk) throws Exception {
    return EngineRoot.open(
        disk,
        TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN),
        InstantSource.system(),
        LayerBlobs.NONE,
        "boot");
  }

  private static LayerBlob blob(byte[] layer) {
    return new BytesBlob(Compressed.gzip(layer));
  }

  private static void unpack(
      Snapshotter snapshots, LayerUnpacker unpacker, byte[] layer, String parent, String name) {
    String key = "k8s.io/1/extract-1-a " + Digest.of(Digest.sha256());
    List<Mount> mounts = snapshots.prepare(key, parent, NO_LABELS);
    unpacker.find(mounts).unpack(blob(layer), false, NextLayerHint.UNKNOWN, new Cancellation());
    snapshots.commit(name, key, "", NO_LABELS);
  }

  private static void index(EngineRoot engine) {
    engine.converter().index(BASE_NAME, blob(BASE), new Cancellation());
    engine.converter().index(NAME, blob(LAYER), new Cancellation());
  }

  private static void layOut(EngineRoot engine) {
    engine.converter().layOut(NAME, new Cancellation());
    engine.converter().layOut(BASE_NAME, new Cancellation());
  }

  private static void convertBase(EngineRoot engine) {
    LayerConverter converter = engine.converter();
    if (converter.estimate(BASE_NAME, Optional.empty()).isIndexed()) {
      converter.layOut(BASE_NAME, new Cancellation());
    } else {
      converter.index(BASE_NAME, blob(BASE), new Cancellation());
    }
  }

  private static List<String> tree(Path top) throws Exception {
    // No layer sets the time of the top directory.
    List<String> all = TreeManifest.of(top, Set.of(TreeManifest.Detail.DIRECTORY_TIMES));
    return all.subList(1, all.size());
  }

  private static List<String> view(EngineRoot engine) throws Exception {
    List<Mount> mounts = engine.snapshotter().view("view", NAME, NO_LABELS);
    try (KernelMount view = KernelMount.of(mounts)) {
      return tree(view.path());
    } finally {
      engine.snapshotter().remove("view");
    }
  }

  private static void unmountAll(Path directory) throws ErrnoException {
    for (MountEntry mount : MountTable.read()) {
      if (mount.mountPoint().toString().startsWith(directory + "/")) {
        Mounts.umount2(mount.mountPoint(), UnmountFlag.DETACH);
      }
    }
  }

  /** {@return the open files of this process below a directory} */
  private static List<String> openFiles(Path directory) throws Exception {
    List<String> found = new ArrayList<>();
    try (Fd files = Fcntl.open(LinuxPath.of("/proc/self/fd"), OpenFlag.READ_ONLY)) {
      for (DirectoryEntry file : new DirectoryReader().all(files)) {
        try {
          found.add(Unistd.readlinkat(files, file.name()).toString());
        } catch (ErrnoException e) {
          // The file was closed since it was listed.
          assertThat(e.errno()).isEqualTo(Errno.ENOENT);
        }
      }
    }
    found.removeIf(file -> !file.startsWith(directory + "/"));
    return found;
  }

  @ParameterizedTest
  @EnumSource
  void layersAreWholeWhereverThereIsTrouble(Trouble trouble) throws Exception {
    int effects = 1;
    while (attempt(trouble, effects)) {
      effects++;
    }
    System.out.printf("%s at each of %d effects of conversions%n", trouble, effects - 1);
    assertThat(effects).isGreaterThan(EFFECTS_MIN);
  }

  /** {@return whether the conversion has an effect of this number} */
  private boolean attempt(Trouble trouble, int nth) throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("conversion-crash-");
    boolean isMachineStarted = nth % 2 == 0;
    boolean isMet;
    try {
      isMet = attempt(directory, trouble, nth, isMachineStarted);
    } catch (AssertionError | Exception e) {
      throw new AssertionError(
          "at effect %d, machine restarted: %s: %s"
              .formatted(nth, isMachineStarted, e.getMessage()),
          e);
    } finally {
      unmountAll(directory);
    }
    assertThat(openFiles(directory)).as("left open at effect %d", nth).isEmpty();
    // The filesystem has no room for all roots together.
    try (Fd parent = Fcntl.open(LinuxPath.of(directory.resolve("..")), OpenFlag.READ_ONLY)) {
      TreeDeletion.delete(new LinuxDisk(), parent, LinuxPath.of(directory.getFileName()));
    }
    return isMet;
  }

  private boolean attempt(Path directory, Trouble trouble, int nth, boolean isMachineStarted)
      throws Exception {
    TroubledDisk troubled = new TroubledDisk(trouble);
    List<String> expected;
    try (EngineRoot engine = open(directory, troubled.disk)) {
      LayerUnpacker unpacker = engine.unpacker(1);
      unpack(engine.snapshotter(), unpacker, BASE, "", BASE_NAME);
      unpack(engine.snapshotter(), unpacker, LAYER, BASE_NAME, NAME);
      expected = view(engine);
      engine.snapshotter().cleanup();
      troubled.left.set(nth);
      try {
        index(engine);
        layOut(engine);
      } catch (RuntimeException e) {
        if (!troubled.isMet()) {
          throw e;
        }
      }
      if (trouble == Trouble.THE_DISK_IS_FULL && troubled.isMet()) {
        // The next attempt needs no restart.
        assertThat(view(engine)).isEqualTo(expected);
        index(engine);
        layOut(engine);
      }
    }
    if (isMachineStarted) {
      unmountAll(directory);
    }
    goOn(directory, expected);
    assertThat(RootCheck.of(directory).isClean()).isTrue();
    return troubled.isMet();
  }

  private static void goOn(Path directory, List<String> expected) throws Exception {
    try (EngineRoot engine = open(directory, new LinuxDisk())) {
      assertThat(view(engine)).isEqualTo(expected);
      List<Mount> mounts = engine.snapshotter().prepare("container", NAME, NO_LABELS);
      try (KernelMount container = KernelMount.of(mounts)) {
        assertThatThrownBy(() -> convertBase(engine)).hasMessageContaining("in use by container");
        assertThat(tree(container.path())).isEqualTo(expected);
      }
      engine.snapshotter().remove("container");
      index(engine);
      assertThat(view(engine)).isEqualTo(expected);
      layOut(engine);
      assertThat(view(engine)).isEqualTo(expected);
    }
  }
}
