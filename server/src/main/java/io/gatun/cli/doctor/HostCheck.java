package io.gatun.cli.doctor;

import static io.gatun.cli.doctor.CheckResult.fault;
import static io.gatun.cli.doctor.CheckResult.note;
import static io.gatun.cli.doctor.CheckResult.ok;

import io.gatun.cli.text.Formats;
import io.gatun.linux.KernelFeature;
import io.gatun.linux.file.FilesystemStatus;
import io.gatun.linux.file.Unistd;
import io.gatun.server.LayerPropagation;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.Transport;
import io.gatun.server.net.EventLoops;
import io.gatun.server.net.SocketOwner;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.FilesystemProbe;
import io.gatun.snapshot.driver.OverlayProbeResult;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.layer.index.SampleIndex;
import io.gatun.snapshot.mount.ForeignMounts;
import io.gatun.snapshot.mount.IndexProbeResult;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import javax.tools.ToolProvider;

/** Checks that a host meets the requirements of a daemon's configuration. */
public final class HostCheck {

  private static final double SPACE_SHARE_MIN = 0.10;

  /** Finds mount namespaces that hold layers of a root. */
  @FunctionalInterface
  interface PinSearch {
    List<ForeignMounts> find(Path root) throws IOException;
  }

  private final Configuration configuration;
  private final PinSearch pins;
  private final List<CheckResult> diagnoses = new ArrayList<>();

  public HostCheck(Configuration configuration) {
    this(configuration, ForeignMounts::find);
  }

  public HostCheck(Configuration configuration, PinSearch pins) {
    this.configuration = configuration;
    this.pins = pins;
  }

  public List<CheckResult> run() {
    examineUser();
    examineJava();
    examineKernel();
    examineTransport();
    examineFilesystem();
    examinePins();
    examineReach();
    return List.copyOf(diagnoses);
  }

  private void examineUser() {
    int user = Unistd.geteuid();
    diagnoses.add(
        user == 0
            ? ok("user", "root")
            : fault(
                "user",
                "uid %d cannot mount or keep owners of files: run as root".formatted(user)));
  }

  private void examineJava() {
    String version = System.getProperty("java.runtime.version");
    diagnoses.add(
        ToolProvider.getSystemJavaCompiler() == null
            ? fault(
                "java",
                version
                    + " has no compiler, which the metadata store needs: install a JDK, not a JRE")
            : ok("java", version));
  }

  private void examineKernel() {
    List<String> absent = new ArrayList<>();
    for (KernelFeature feature : KernelFeature.values()) {
      feature.absence().ifPresent(absent::add);
    }
    String version = "Linux " + System.getProperty("os.version");
    diagnoses.add(
        absent.isEmpty()
            ? ok("kernel", version)
            : note("kernel", version + ": " + String.join("; ", absent)));
  }

  private void examineTransport() {
    Optional<String> obstacle = EventLoops.obstacle(Transport.IO_URING);
    if (obstacle.isEmpty()) {
      diagnoses.add(ok("transport", "io_uring works"));
      return;
    }
    String reason = "io_uring does not work: " + obstacle.get();
    diagnoses.add(
        configuration.transport() == Transport.IO_URING
            ? fault("transport", reason + "; set transport = \"auto\"")
            : note("transport", reason + "; epoll is used instead, which is as fast"));
  }

  private void examineFilesystem() {
    Path root = configuration.root();
    try {
      FilesystemProbe probe =
          FilesystemProbe.of(
              new LinuxDisk(),
              probePlace(root),
              new SampleIndex(),
              configuration.selinuxContext(),
              configuration.layerProtection());
      examineSpace(root, probe.status());
      examineOverlay(probe);
      examineIndex(probe.index());
    } catch (IOException e) {
      diagnoses.add(fault("root", "%s: %s: choose another root".formatted(root, e.getMessage())));
    }
  }

  /**
   * Uses the trash of an existing root, since the next start deletes its content, also after a
   * crash.
   */
  private static Path probePlace(Path root) {
    Path trash = root.resolve("trash");
    Path place = Files.isDirectory(trash) ? trash : root;
    while (!Files.isDirectory(place)) {
      place = Objects.requireNonNull(place.getParent());
    }
    return place;
  }

  private void examineSpace(Path root, FilesystemStatus status) {
    long size = status.blocks() * status.blockSizeBytes();
    String text =
        "%s on %s, %s of %s available"
            .formatted(
                root,
                status.type().name().toLowerCase(Locale.ROOT),
                Formats.bytes(status.availableBytes()),
                Formats.bytes(size));
    diagnoses.add(
        status.availableBytes() < size * SPACE_SHARE_MIN
            ? note("root", text + ": a pull needs the compressed and the unpacked size")
            : ok("root", text));
  }

  private void examineOverlay(FilesystemProbe probe) {
    String copies =
        probe
            .noReflink()
            .map(reason -> "copies every byte (no reflink: " + reason + ")")
            .orElse("copies by reflink");
    switch (probe.overlay()) {
      case OverlayProbeResult.Works works ->
          diagnoses.add(
              configuration.driver() == DriverSetting.NATIVE
                  ? ok("driver", "native is configured, and " + copies)
                  : ok(
                      "driver",
                      works.features().userXattrs()
                          ? "overlay works, with userxattr"
                          : "overlay works"));
      case OverlayProbeResult.NoRoom full ->
          diagnoses.add(note("driver", "no space to probe overlay: " + full.reason()));
      case OverlayProbeResult.Fails fails -> {
        String reason = "overlay does not work here: " + fails.reason();
        diagnoses.add(
            switch (configuration.driver()) {
              case OVERLAY -> fault("driver", reason + "; set driver = \"auto\", or move the root");
              case AUTO -> note("driver", reason + "; native is used instead, and " + copies);
              case NATIVE -> ok("driver", "native is configured, and " + copies);
            });
      }
    }
  }

  private void examineIndex(IndexProbeResult trial) {
    diagnoses.add(
        switch (trial) {
          case IndexProbeResult.Works works -> ok("layers", works.reason());
          case IndexProbeResult.Unprotected unprotected ->
              note("layers", "EROFS works on this root, but not " + unprotected.reason());
          case IndexProbeResult.Fails fails ->
              note("layers", "EROFS does not work on this root: " + fails.reason());
          case IndexProbeResult.NoRoom full ->
              note("layers", "no space to probe EROFS: " + full.reason());
        });
  }

  /** Unreadable mounts are a note only, since the root may be fine. */
  private void examinePins() {
    Path root = configuration.root();
    if (!Files.isDirectory(root)) {
      return;
    }
    try {
      pins.find(root.toRealPath()).forEach(this::addPin);
    } catch (IOException e) {
      diagnoses.add(
          note(
              "mounts",
              "cannot check whether other mount namespaces hold layers: " + e.getMessage()));
    }
  }

  /** Examines the daemon if it runs, since its mount namespace may differ from this one. */
  private void examineReach() {
    if (!mayHaveIndexes()) {
      return;
    }
    long self = ProcessHandle.current().pid();
    long daemon = SocketOwner.pid(configuration.address()).orElse(self);
    try {
      LayerPropagation.obstacle(configuration, daemon == 0 ? self : daemon)
          .ifPresent(reason -> diagnoses.add(fault("mounts", reason)));
    } catch (IOException e) {
      diagnoses.add(
          note("mounts", "cannot check whether containerd sees layers: " + e.getMessage()));
    }
  }

  private boolean mayHaveIndexes() {
    return configuration.layers() != LayerSetting.DIRECTORY
        || Files.isDirectory(configuration.root().resolve("layers"));
  }

  private void addPin(ForeignMounts pinned) {
    diagnoses.add(
        note(
            "mounts",
            "process %d (%s) is in a mount namespace with layers that are not mounted here, such as %s (%d in all), and holds their space until it ends; if it is the daemon, run it in containerd's mount namespace"
                .formatted(
                    pinned.pid(),
                    Formats.name(pinned.command()),
                    Formats.name(pinned.places().getFirst().toString()),
                    pinned.places().size())));
  }
}
