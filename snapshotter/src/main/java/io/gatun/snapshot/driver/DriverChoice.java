package io.gatun.snapshot.driver;

import io.gatun.snapshot.driver.OverlayProbeResult.Fails;
import io.gatun.snapshot.driver.OverlayProbeResult.NoRoom;
import io.gatun.snapshot.driver.OverlayProbeResult.Works;
import java.util.Optional;

/** Which driver a root is opened with, and why. */
public sealed interface DriverChoice {

  /** The root is used with the overlay driver. */
  record Overlay(OverlayFeatures features, String reason) implements DriverChoice {}

  /** The root is used with the native driver. */
  record Native(String reason) implements DriverChoice {}

  /** The root cannot be used as it is configured. */
  record Refused(String reason) implements DriverChoice {}

  /**
   * {@return the driver to use}
   *
   * <p>The layers of one driver mean nothing to the other, so that a root stays with the driver
   * that it was first used with; the automatic choice follows it silently, a configured one must
   * agree.
   *
   * @param setting what is configured
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
              "the overlay driver is to be used, since "
                  + reason
                  + ", but overlay does not work on this root: "
                  + fails.reason());
      // It did work, and what is there has to be served, and removed to make room.
      case NoRoom full ->
          recorded.isPresent()
              ? new Overlay(
                  full.features(), reason + ", though there is no room to try it: " + full.reason())
              : refused(full);
    };
  }

  private static DriverChoice refused(NoRoom full) {
    return new Refused(
        "there is no room to find out whether overlay works on it: free some space, or choose"
            + " another root (%s)".formatted(full.reason()));
  }

  private static DriverChoice conflict(DriverName configured, DriverName recorded) {
    return new Refused(
        "driver %s is configured, but the root holds snapshots of driver %s: configure that, or another root"
            .formatted(configured.configName(), recorded.configName()));
  }
}
