package io.gatun.snapshot.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.mount.IndexAccess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The maximum number of indexed layers on a machine, and the longest chains. */
final class ManyIndexMountsIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final int LAYERS = 500;
  private static final int CHAIN_LAYERS = 128;

  private final Map<Integer, KeptIndex> layers = new HashMap<>();
  private Path work;

  @BeforeEach
  void makeDirectory() {
    work = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("many");
  }

  @AfterEach
  void closeLayers() {
    layers.values().forEach(KeptIndex::close);
  }

  private KeptIndex layer(int number) throws IOException {
    KeptIndex known = layers.get(number);
    if (known != null) {
      return known;
    }
    KeptIndex made =
        KeptIndex.of(
            work.resolve("layer-" + number),
            IndexForm.OVERLAY,
            TarBuilder.pax()
                .modified(number)
                .directory("shared", 0755)
                .file("shared/" + number, 0644, "layer " + number)
                .file("nearest", 0644, "layer " + number)
                .finish());
    layers.put(number, made);
    return made;
  }

  /** The same in the form of a directory, {@code snapshots/ID/fs}. */
  private static void writeDirectory(Path files, int number) throws IOException {
    Files.createDirectories(files.resolve("shared"));
    Files.writeString(files.resolve("shared/" + number), "layer " + number);
    Files.writeString(files.resolve("nearest"), "layer " + number);
  }

  @ParameterizedTest
  @EnumSource
  void fiveHundredLayersAreMountedAtOnceAndFoundAndUnmounted(IndexAccess access) throws Exception {
    try (MountedRoot root = new MountedRoot(work.resolve("root"), access)) {
      for (int number = 1; number <= LAYERS; number++) {
        root.show(number, layer(number));
      }
      Set<Long> all = LongStream.rangeClosed(1, LAYERS).boxed().collect(Collectors.toSet());
      assertThat(root.restart().mounted()).isEqualTo(all);
      for (int number = 1; number <= LAYERS; number++) {
        assertThat(root.files(number).resolve("nearest")).hasContent("layer " + number);
      }
      // As after a reboot.
      for (int number = 1; number <= LAYERS; number += 2) {
        Mounts.umount2(LinuxPath.of(root.snapshot(number)), UnmountFlag.DETACH);
      }
      assertThat(root.mounts().mounted()).hasSize(LAYERS / 2);
      for (int number = 1; number <= LAYERS; number++) {
        root.show(number, layer(number));
        assertThat(root.at(number)).hasSize(1);
      }
      assertThat(root.mounts().mounted()).isEqualTo(all);
      for (long id : all) {
        root.mounts().unmount(id);
      }
      assertThat(root.mounts().mounted()).isEmpty();
    }
  }

  @Test
  void longestChainOfDirectoriesAndIndexesShowsAllLayers() throws Exception {
    try (MountedRoot root = new MountedRoot(work.resolve("root"), IndexAccess.FILE)) {
      List<Lower> lowers = new ArrayList<>();
      Set<String> names = new TreeSet<>();
      for (int id = 1; id <= CHAIN_LAYERS; id++) {
        // Every third is a directory, and each of the other layers occurs twice.
        int number = id % 3 == 0 ? id : id % 40;
        if (id % 3 == 0) {
          writeDirectory(root.files(id), number);
          lowers.addFirst(Lower.directory(id));
        } else {
          root.show(id, layer(number));
          lowers.addFirst(layer(number).lower(id));
        }
        names.add(Integer.toString(number));
      }
      int nearest = CHAIN_LAYERS % 40;
      try (KernelMount active = KernelMount.of(root.active(1_000, lowers))) {
        assertThat(active.path().resolve("nearest")).hasContent("layer " + nearest);
        assertThat(names(active.path().resolve("shared"))).isEqualTo(names);
        for (String name : names) {
          assertThat(active.path().resolve("shared/" + name)).hasContent("layer " + name);
        }
        Files.writeString(active.path().resolve("shared/1"), "changed");
        assertThat(active.path().resolve("shared/1")).hasContent("changed");
      }
      try (KernelMount view = KernelMount.of(root.view(1_001, lowers))) {
        assertThat(names(view.path().resolve("shared"))).isEqualTo(names);
      }
    }
  }

  @Test
  void threadsThatWantTheSameLayersGetOneFilesystemOfEach() throws Exception {
    try (MountedRoot root = new MountedRoot(work.resolve("root"), IndexAccess.FILE)) {
      for (int id = 1; id <= 40; id++) {
        root.create(id);
      }
      List<KeptIndex> wanted = List.of(layer(0), layer(1), layer(2), layer(3));
      ConcurrentLinkedQueue<ErrnoException> failures = new ConcurrentLinkedQueue<>();
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        threads.add(
            Thread.ofPlatform()
                .start(
                    () -> {
                      try {
                        for (int id = 1; id <= 40; id++) {
                          KeptIndex layer = wanted.get(id % 4);
                          root.mounts().mount(id, layer.tar(), layer.index());
                        }
                      } catch (ErrnoException e) {
                        failures.add(e);
                      }
                    }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(failures).isEmpty();
      Set<Long> devices = new TreeSet<>();
      for (int id = 1; id <= 40; id++) {
        assertThat(root.at(id)).hasSize(1);
        devices.add(root.at(id).getFirst().device());
      }
      assertThat(devices).hasSize(4);
    }
  }

  private static Set<String> names(Path directory) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.map(each -> each.getFileName().toString())
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }
}
