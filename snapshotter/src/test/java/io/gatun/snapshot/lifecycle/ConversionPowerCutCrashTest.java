package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.Fault;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fault.QuietLogs;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerConverter;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Goal: layers that were committed are whole when the power was cut while they got the other form,
 * without containerd having their blobs. Method: the power is cut in place of each effect that a
 * conversion and the one back have on the disk.
 */
@Timeout(1_800)
@Execution(ExecutionMode.CONCURRENT)
@ExtendWith(QuietLogs.class)
class ConversionPowerCutCrashTest {

  /** Far fewer than there are. */
  private static final int EFFECTS_MIN = 40;

  private static final byte[] BASE =
      TarBuilder.pax()
          .directory("etc", 0750)
          .file("etc/hostname", 0644, "gatun")
          .file("large", 0644, "x".repeat(100_000))
          .finish();

  private static final byte[] LAYER =
      TarBuilder.pax().file("etc/added", 0644, "added").whiteout("large").finish();

  private static final Map<String, String> SHOWN =
      Map.of("etc/hostname", "gatun", "etc/added", "added");

  private static final Digest BASE_DIFF_ID = BytesBlob.digestOf(BASE);
  private static final String BASE_NAME = "k8s.io/2/" + BASE_DIFF_ID;

  /** The chain id that containerd names the second one by. */
  private static final String NAME =
      "k8s.io/4/"
          + BytesBlob.digestOf(
              (BASE_DIFF_ID + " " + BytesBlob.digestOf(LAYER)).getBytes(StandardCharsets.US_ASCII));

  @Test
  void layersAreWholeWhereverThePowerIsCut() {
    int effects = Attempts.count(ConversionPowerCutCrashTest::attempt);
    System.out.printf("POWER_CUT at each of %d effects of conversions%n", effects);
    assertThat(effects).isGreaterThanOrEqualTo(EFFECTS_MIN);
  }

  /** {@return whether there was such an effect} */
  private static boolean attempt(int nth) {
    try (Machine machine = Machine.create(DriverSetting.OVERLAY)) {
      try {
        return attempt(machine, nth);
      } catch (AssertionError | RuntimeException | ErrnoException | UnusableRootException e) {
        throw new AssertionError(
            "at effect %d, %s: %s".formatted(nth, machine.disk().fired(), e.getMessage()), e);
      }
    }
  }

  private static boolean attempt(Machine machine, int nth)
      throws ErrnoException, UnusableRootException {
    machine.start();
    unpack(machine, BASE, "", BASE_NAME);
    unpack(machine, LAYER, BASE_NAME, NAME);
    machine.settle();
    machine.disk().planFault(nth, new Fault.Stop());
    try {
      convert(machine.converter());
      machine.settle();
    } catch (RuntimeException e) {
      if (!machine.disk().isStopped()) {
        throw e;
      }
    }
    boolean isStopped = machine.disk().isStopped();
    machine.cutPower();
    machine.start();
    assertThat(shown(machine)).isEqualTo(SHOWN);
    convert(machine.converter());
    assertThat(shown(machine)).isEqualTo(SHOWN);
    UnpackingLife.finish(machine);
    return isStopped;
  }

  private static void unpack(Machine machine, byte[] layer, String parent, String name) {
    Snapshotter snapshots = machine.snapshotter();
    String key = "k8s.io/1/extract-1-a " + BASE_DIFF_ID;
    var _ =
        machine
            .unpacker()
            .find(snapshots.prepare(key, parent, Map.of()))
            .unpack(new BytesBlob(layer), false, NextLayerHint.UNKNOWN, new Cancellation());
    snapshots.commit(name, key, "", Map.of());
  }

  private static void convert(LayerConverter converter) {
    converter.index(BASE_NAME, new BytesBlob(BASE), new Cancellation());
    converter.index(NAME, new BytesBlob(LAYER), new Cancellation());
    converter.layOut(NAME, new Cancellation());
    converter.layOut(BASE_NAME, new Cancellation());
  }

  /** {@return what regular files hold, as the kernel shows the layers on each other} */
  private static Map<String, String> shown(Machine machine) throws ErrnoException {
    Map<String, String> files = new TreeMap<>();
    try (KernelMount view = KernelMount.of(machine.snapshotter().view("view", NAME, Map.of()))) {
      try (Stream<Path> walk = Files.walk(view.path())) {
        for (Path file : walk.toList()) {
          if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            files.put(view.path().relativize(file).toString(), Files.readString(file));
          }
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    machine.snapshotter().remove("view");
    return files;
  }
}
