package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.ChainId;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.fault.Fault;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fault.QuietLogs;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: a layer that somebody was told is there is there, whatever happens to the machine, and
 * nothing is there in part. Method: something goes wrong in place of each effect that it has on the
 * disk when layers are asked for that need not be unpacked.
 */
@Timeout(1_800)
@Execution(ExecutionMode.CONCURRENT)
@ExtendWith(QuietLogs.class)
class ReusableLayersCrashTest {

  /** Fewer than there are. */
  private static final int EFFECTS_MIN = 15;

  private static final byte[] BASE =
      TarBuilder.pax().directory("etc", 0750).file("etc/hostname", 0644, "gatun").finish();

  private static final byte[] OTHER_BASE =
      TarBuilder.pax()
          .directory("etc", 0711)
          .file("etc/hostname", 0644, "other")
          .file("large", 0644, "x".repeat(100_000))
          .finish();

  /** Has another index on each of the two. */
  private static final byte[] LAYER =
      TarBuilder.pax().file("etc/added", 0644, "added").whiteout("large").finish();

  private static final byte[] TOP = TarBuilder.pax().file("top", 0644, "top").finish();

  private static final Map<String, String> SHOWN =
      Map.of("etc/hostname", "other", "etc/added", "added", "top", "top");

  private static Optional<LayerBlob> blob(Digest digest) {
    return Stream.of(BASE, OTHER_BASE, LAYER, TOP)
        .filter(content -> BytesBlob.digestOf(content).equals(digest))
        .<LayerBlob>map(BytesBlob::new)
        .findFirst();
  }

  @ParameterizedTest
  @EnumSource
  void whatWasSaidToBeThereIsThereAfterAStop(EveryEffect.Stopping stopping) {
    forEach(stopping.name(), SyncPolicy.COMMIT, stopping.fault(), isPowerCut(stopping));
  }

  @ParameterizedTest
  @EnumSource
  void whatIsSyncedBehindTheAnswerIsThereAgain(EveryEffect.Stopping stopping) {
    forEach(stopping.name(), SyncPolicy.BACKGROUND, stopping.fault(), isPowerCut(stopping));
  }

  @ParameterizedTest
  @EnumSource(names = {"EIO", "ENOSPC", "EMFILE", "EROFS"})
  void whatFailsIsUnpackedOrRefusedAndLeavesNothing(Errno errno) {
    forEach(errno.name(), SyncPolicy.COMMIT, new Fault.Failure(errno), true);
  }

  private static boolean isPowerCut(EveryEffect.Stopping stopping) {
    return stopping == EveryEffect.Stopping.POWER_CUT;
  }

  private static void forEach(String what, SyncPolicy sync, Fault fault, boolean isPowerCut) {
    int effects = Attempts.count(nth -> attempt(what, sync, fault, isPowerCut, nth));
    System.out.printf(
        "synced %s, %s at each of %d effects of layers that are there%n", sync, what, effects);
    assertThat(effects).isGreaterThanOrEqualTo(EFFECTS_MIN);
  }

  /** {@return whether there was such an effect} */
  private static boolean attempt(
      String what, SyncPolicy sync, Fault fault, boolean isPowerCut, int nth) {
    // What is synced before the answer has to do without.
    LayerBlobs blobs = sync == SyncPolicy.COMMIT ? LayerBlobs.NONE : ReusableLayersCrashTest::blob;
    try (Machine machine = Machine.createInOrder(sync, blobs)) {
      try {
        return new Attempt(machine).run(fault, isPowerCut, nth);
      } catch (AssertionError | RuntimeException | ErrnoException | UnusableRootException e) {
        throw new AssertionError(
            "%s at effect %d, %s: %s".formatted(what, nth, machine.disk().fired(), e.getMessage()),
            e);
      }
    }
  }

  /** One life of a machine. */
  private static final class Attempt {
    private final Machine machine;
    private int sequence;

    /** How many layers had to be unpacked. */
    private int unpacked;

    Attempt(Machine machine) {
      this.machine = machine;
    }

    boolean run(Fault fault, boolean isPowerCut, int nth)
        throws ErrnoException, UnusableRootException {
      machine.start();
      unpack(TOP, unpack(LAYER, unpack(BASE, "")));
      String base = unpack(OTHER_BASE, "");
      machine.settle();
      unpacked = 0;
      machine.disk().planFault(nth, fault);
      Optional<String> layer = ask(base, LAYER);
      Optional<String> top = layer.flatMap(parent -> ask(parent, TOP));
      boolean isMet = machine.disk().fired().isPresent();
      if (!isMet) {
        assertThat(top).isPresent();
      }
      if (isPowerCut) {
        machine.cutPower();
      } else {
        machine.kill();
      }
      machine.start();
      layer.ifPresent(name -> assertThat(find(name).kind()).isEqualTo(Kind.COMMITTED));
      top.ifPresent(name -> assertThat(find(name).kind()).isEqualTo(Kind.COMMITTED));
      String made = unpack(TOP, unpack(LAYER, base));
      assertThat(shown(made)).isEqualTo(SHOWN);
      top.ifPresent(name -> assertThat(made).isEqualTo(name));
      assertThat(unpacked).isZero();
      removeUnpacked();
      UnpackingLife.finish(machine);
      return isMet;
    }

    /** {@return the snapshot with a layer, if somebody says that it is there} */
    private Optional<String> ask(String parent, byte[] layer) {
      Digest chainId = chainId(parent, layer);
      String key = key(chainId);
      try {
        var _ = machine.snapshotter().prepare(key, parent, labels(chainId));
        return Optional.empty();
      } catch (SnapshotException.AlreadyExists e) {
        return Optional.of(committed(parent, chainId).orElseThrow());
      } catch (RuntimeException e) {
        assertThat(machine.disk().fired()).as("%s", e).isPresent();
        return Optional.empty();
      }
    }

    private String unpack(byte[] layer, String parent) {
      Digest chainId = chainId(parent, layer);
      String key = key(chainId);
      List<Mount> mounts;
      try {
        mounts = machine.snapshotter().prepare(key, parent, labels(chainId));
      } catch (SnapshotException.AlreadyExists e) {
        return committed(parent, chainId).orElseThrow();
      }
      var _ =
          machine
              .unpacker()
              .find(mounts)
              .unpack(new BytesBlob(layer), false, NextLayerHint.UNKNOWN, new Cancellation());
      unpacked++;
      String name = "k8s.io/%d/%s".formatted(++sequence, chainId);
      machine.snapshotter().commit(name, key, "", labels(chainId));
      return name;
    }

    private String key(Digest chainId) {
      sequence++;
      return "k8s.io/%d/extract-1-a %s".formatted(sequence, chainId);
    }

    private static Map<String, String> labels(Digest chainId) {
      return Map.of("containerd.io/snapshot.ref", chainId.text());
    }

    private static Digest chainId(String parent, byte[] layer) {
      Optional<Digest> below = parent.isEmpty() ? Optional.empty() : ChainId.in(parent);
      return ChainId.of(below, BytesBlob.digestOf(layer));
    }

    private List<SnapshotInfo> all() {
      return List.copyOf(Comparison.list(machine.snapshotter()).values());
    }

    /** {@return what containerd finds when it is told that a layer is there} */
    private Optional<String> committed(String parent, Digest chainId) {
      return all().stream()
          .filter(info -> info.kind() == Kind.COMMITTED && info.parent().equals(parent))
          .filter(info -> info.labels().equals(labels(chainId)))
          .map(SnapshotInfo::name)
          .findFirst();
    }

    private SnapshotInfo find(String name) {
      return machine.snapshotter().stat(name);
    }

    /** Removes what was made to unpack something into, as containerd's garbage collection does. */
    private void removeUnpacked() {
      all().stream()
          .filter(info -> info.kind() == Kind.ACTIVE)
          .forEach(info -> machine.snapshotter().remove(info.name()));
      assertThat(all()).hasSize(6);
    }

    /** {@return what regular files hold, as the kernel shows the layers on each other} */
    private Map<String, String> shown(String name) throws ErrnoException {
      Map<String, String> files = new TreeMap<>();
      List<Mount> mounts = machine.snapshotter().view("view", name, Map.of());
      try (KernelMount view = KernelMount.of(mounts);
          Stream<Path> walk = Files.walk(view.path())) {
        for (Path file : walk.toList()) {
          if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            files.put(view.path().relativize(file).toString(), Files.readString(file));
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } finally {
        machine.snapshotter().remove("view");
      }
      return files;
    }
  }
}
