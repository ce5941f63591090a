package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A few layers that are unpacked, committed, on each other and on a parent that comes late, and
 * removed, on a machine on which something goes wrong. Each step can be made again, and then makes
 * only what is missing: so a life that was cut short is led to its end by leading it once more, and
 * what was acknowledged before must be found as it was.
 */
final class UnpackingLife implements AutoCloseable {

  private static final String LARGE = "x".repeat(300_000);

  /** Above what one thread decodes by itself, so that the others are there as well. */
  private static final Layer BASE =
      new Layer(
          TarBuilder.pax()
              .directory("a", 0750)
              .file("a/one", 0644, "one")
              .file("a/two", 0600, "two")
              .symbolicLink("link", "a/one")
              .file("large", 0755, LARGE)
              .finish(),
          Map.of("a/one", "one", "a/two", "two", "large", LARGE),
          List.of());

  private static final Layer UPPER =
      new Layer(
          TarBuilder.pax()
              .directory("a", 0755)
              .whiteout("a/two")
              .directory("b", 0755)
              .file("b/three", 0644, "three")
              .hardLink("b/again", 0644, "b/three")
              .finish(),
          Map.of("b/three", "three", "b/again", "three"),
          List.of("a/two"));

  private static final Layer TOP =
      new Layer(
          TarBuilder.pax().directory("c", 0755).file("c/four", 0644, "four").finish(),
          Map.of("c/four", "four"),
          List.of());

  private static final String LATE = "k8s.io/3/extract-3-AbCd sha256:late";
  private static final String ACTIVE = "k8s.io/9/extract-9-AbCd sha256:active";
  private static final String REMOVED = "k8s.io/8/extract-8-AbCd sha256:removed";

  /** A layer, and what it makes. */
  private static final class Layer {
    private final byte[] blob;

    /** What regular files hold that are in it. */
    private final Map<String, String> files;

    /** What it takes away from those below. */
    private final List<String> deleted;

    Layer(byte[] blob, Map<String, String> files, List<String> deleted) {
      this.blob = blob;
      this.files = files;
      this.deleted = deleted;
    }
  }

  private final Machine machine;

  /** What was unpacked into which snapshot, by its present name, as far as it was acknowledged. */
  private final Map<String, Map<String, String>> acknowledged = new LinkedHashMap<>();

  private final Map<String, SnapshotInfo> committed = new HashMap<>();

  /** What a request that was not answered makes of a snapshot: another name, or nothing. */
  private final Map<String, Optional<String>> pending = new HashMap<>();

  UnpackingLife(DriverSetting driver, LayerSetting layers, SyncPolicy syncPolicy) {
    this.machine = Machine.create(driver, layers, syncPolicy, UnpackingLife::blob);
  }

  private static Optional<LayerBlob> blob(Digest digest) {
    return Stream.of(BASE, UPPER, TOP)
        .map(layer -> layer.blob)
        .filter(content -> BytesBlob.digestOf(content).equals(digest))
        .<LayerBlob>map(BytesBlob::new)
        .findFirst();
  }

  Machine machine() {
    return machine;
  }

  /** Leads the life to its end, or until something goes wrong. */
  void lead() {
    layer("base", "", BASE);
    layer("upper", "base", UPPER);
    if (machine.driver() == DriverSetting.OVERLAY) {
      unpack(LATE, "", TOP, "late");
      commit("late", LATE, "upper");
    }
    if (!acknowledged.containsKey(ACTIVE)) {
      unpack(REMOVED, "", BASE, REMOVED);
      remove(REMOVED);
      unpack(ACTIVE, "base", TOP, ACTIVE);
    }
    machine.snapshotter().cleanup();
  }

  private void layer(String name, String parent, Layer layer) {
    String key = "k8s.io/1/extract-1-AbCd sha256:" + name;
    unpack(key, parent, layer, name);
    commit(name, key, "");
  }

  /**
   * Unpacks a layer.
   *
   * @param name by which the snapshot goes in the end
   */
  private void unpack(String key, String parent, Layer layer, String name) {
    if (acknowledged.containsKey(key) || committed.containsKey(name)) {
      return;
    }
    List<Mount> mounts =
        mounts(key).orElseGet(() -> machine.snapshotter().prepare(key, parent, Map.of()));
    Map<String, String> wanted = expected(parent, layer);
    BytesBlob blob = new BytesBlob(layer.blob);
    try {
      var _ =
          machine
              .unpacker()
              .find(mounts)
              .unpack(blob, false, NextLayerHint.UNKNOWN, new Cancellation());
    } catch (SnapshotException.Unsupported e) {
      Map<String, String> found = files(mounts);
      if (!found.equals(wanted)) {
        // A copy of which a later daemon does not know that nobody has changed it.
        assertThat(machine.driver()).as("%s", e).isEqualTo(DriverSetting.NATIVE);
        assertThat(found).isEqualTo(acknowledged.getOrDefault(parent, Map.of()));
        machine.snapshotter().remove(key);
        unpack(key, parent, layer, name);
        return;
      }
      // The layer is whole, though nobody was told.
    }
    // Who asked for the mounts now would have the commit sync once more, which is not to be needed.
    acknowledged.put(key, wanted);
  }

  /** {@return the mounts of an active snapshot, if there is one that can be used} */
  private Optional<List<Mount>> mounts(String key) {
    if (find(key).isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(machine.snapshotter().mounts(key));
    } catch (SnapshotException.FailedPrecondition e) {
      assertThat(machine.driver()).as("%s", e).isEqualTo(DriverSetting.NATIVE);
      assertThat(e).hasMessageContaining("create it again");
      remove(key);
      return Optional.empty();
    }
  }

  /** {@return what has to be in a snapshot's own directory} */
  private Map<String, String> expected(String parent, Layer layer) {
    Map<String, String> expected = new TreeMap<>();
    if (machine.driver() == DriverSetting.NATIVE) {
      expected.putAll(acknowledged.getOrDefault(parent, Map.of()));
      layer.deleted.forEach(expected::remove);
    }
    expected.putAll(layer.files);
    return expected;
  }

  private void commit(String name, String key, String onto) {
    if (find(name).isEmpty()) {
      pending.put(key, Optional.of(name));
      machine.snapshotter().commit(name, key, onto, Map.of());
    }
    pending.remove(key);
    Map<String, String> files = acknowledged.remove(key);
    if (files != null) {
      acknowledged.put(name, files);
    }
    committed.put(name, find(name).orElseThrow());
  }

  private void remove(String key) {
    if (find(key).isPresent()) {
      pending.put(key, Optional.empty());
      machine.snapshotter().remove(key);
    }
    pending.remove(key);
    acknowledged.remove(key);
  }

  /** Takes the tars of all layers away, as a filesystem may that is repaired. */
  void loseTars() {
    try (Stream<Path> layers = Files.list(machine.root().resolve("layers"))) {
      for (Path layer : layers.toList()) {
        Files.deleteIfExists(layer.resolve("tar"));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Gives up a snapshot whose files a failed sync may have lost, as the message says. */
  void giveUp() {
    for (SnapshotInfo info : list()) {
      if (info.kind() == Kind.ACTIVE) {
        remove(info.name());
      }
    }
  }

  private List<SnapshotInfo> list() {
    return List.copyOf(Comparison.list(machine.snapshotter()).values());
  }

  private Optional<SnapshotInfo> find(String name) {
    return list().stream().filter(info -> info.name().equals(name)).findFirst();
  }

  /** Looks whether all that was acknowledged is there. */
  void check() {
    committed.forEach((name, info) -> assertThat(find(name)).contains(info));
    List.copyOf(acknowledged.keySet()).forEach(this::check);
  }

  private void check(String known) {
    String name = known;
    if (find(known).isEmpty()) {
      Optional<String> made = pending.get(known);
      if (made == null) {
        throw new AssertionError(known + " is gone");
      }
      if (made.isEmpty()) {
        return;
      }
      name = made.get();
    }
    SnapshotInfo info = find(name).orElseThrow();
    Optional<List<Mount>> mounts =
        info.kind() == Kind.ACTIVE
            ? mounts(name)
            : Optional.of(machine.snapshotter().view("view", name, Map.of()));
    if (mounts.isPresent()) {
      assertThat(files(mounts.get())).as(name).isEqualTo(acknowledged.get(known));
    }
    if (info.kind() != Kind.ACTIVE) {
      machine.snapshotter().remove("view");
    }
  }

  /** {@return what is in the directory that is topmost in some mounts} */
  private static Map<String, String> files(List<Mount> mounts) {
    Path own = topmost(mounts.getFirst());
    Map<String, String> files = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(own)) {
      for (Path file : walk.toList()) {
        if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
          files.put(own.relativize(file).toString(), Files.readString(file));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return files;
  }

  private static Path topmost(Mount mount) {
    for (String option : List.of("upperdir=", "lowerdir=")) {
      for (String each : mount.options()) {
        if (each.startsWith(option)) {
          return Path.of(each.substring(option.length()).split(":", 2)[0]);
        }
      }
    }
    return Path.of(mount.source());
  }

  /** Stops in order, and looks whether anything is left that should not be. */
  void finish() {
    finish(machine);
  }

  static void finish(Machine machine) {
    machine.settle();
    assertThat(machine.root().resolve("trash")).isEmptyDirectory();
    machine.stop();
    assertThat(machine.usedFiles()).isEmpty();
    try {
      assertThat(RootCheck.of(machine.root()).findings()).isEmpty();
    } catch (IOException | UnusableRootException e) {
      throw new AssertionError("cannot be checked", e);
    }
  }

  @Override
  public void close() {
    machine.close();
  }
}
