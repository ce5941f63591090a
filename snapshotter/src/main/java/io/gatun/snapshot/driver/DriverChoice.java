package io.gatun.snapshot.driver;

import io.gatun.snapshot.driver.OverlayProbeResult.Fails;
import io.gatun.snapshot.driver.OverlayProbeResult.NoRoom;
import io.gatun.snapshot.driver.OverlayProbeResult.Works;
import java.util.Optional;

/** The driver for a root, and the reason for the choice. */
public sealed interface DriverChoice {

  record Overlay(OverlayFeatures features, String reason) implements DriverChoice {}

  record Native(String reason) implements DriverChoice {}

  /** The root cannot be used with this configuration. */
  record Refused(String reason) implements DriverChoice {}

  /**
   * {@return the driver to use}
   *
   * <p>The drivers cannot read each other's layers, so a root stays with its first driver: the
   * automatic choice follows it silently, a configured driver must match it.
   *
   * @param setting the configured driver
   * @param recorded the driver that the root was used with so far
   * @param trial whether overlay works on the root
   */
  static DriverChoice of(
      DriverSetting setting, Optional<DriverName> recorded, OverlayProbeResult trial) {
    return switch (setting) {
      case AUTO -> automatic(recorded, trial);
      case OVERLAY ->
          recorded.equals(Optional.of(DriverName.NATIVE))
              ? conflict(DriverName.OVERLAY, DriverName.NATIVE)
              : overlay(trial, recorded, "it is configured");
      case NATIVE ->
          recorded.equals(Optional.of(DriverName.OVERLAY))
              ? conflict(DriverName.NATIVE, DriverName.OVERLAY)
              : new Native("it is configured");
    };
  }

  private static DriverChoice automatic(Optional<DriverName> recorded, OverlayProbeResult trial) {
    if (recorded.isPresent()) {
      return switch (recorded.get()) {
        case OVERLAY -> overlay(trial, recorded, "the root was used with it before");
        case NATIVE -> new Native("the root was used with it before");
      };
    }
    return switch (trial) {
      case Works works -> new Overlay(works.features(), "it works on this root");
      case Fails fails -> new Native("overlay does not work on this root: " + fails.reason());
      case NoRoom full -> refused(full);
    };
  }

  private static DriverChoice overlay(
      OverlayProbeResult trial, Optional<DriverName> recorded, String reason) {
    return switch (trial) {
      case Works works -> new Overlay(works.features(), reason);
      case Fails fails ->
          new Refused(
              "the overlay driver is required because "
                  + reason
                  + ", but overlay does not work on this root: "
                  + fails.reason());
      // Overlay did work before, and the existing snapshots must be served, and removed to free
      // space.
      case NoRoom full ->
          recorded.isPresent()
              ? new Overlay(
                  full.features(),
                  reason + ", although there is no space to test it: " + full.reason())
              : refused(full);
    };
  }

  private static DriverChoice refused(NoRoom full) {
    return new Refused(
        "there is no space to test whether overlay works on it: free some space, or choose"
            + " another root (%s)".formatted(full.reason()));
  }

  private static DriverChoice conflict(DriverName configured, DriverName recorded) {
    return new Refused(
        "driver %s is configured, but the root holds snapshots of driver %s: configure that, or another root"
            .formatted(configured.configName(), recorded.configName()));
  }
}
