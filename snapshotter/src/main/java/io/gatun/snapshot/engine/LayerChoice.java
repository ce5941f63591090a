package io.gatun.snapshot.engine;

import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.mount.IndexProbeResult;
import java.util.Optional;

/** The form of new layers, and the reason. */
sealed interface LayerChoice {

  /** Each layer is stored as its tar with an index. */
  record Indexed(String reason) implements LayerChoice {}

  /** Each layer is a directory. */
  record Directories(String reason) implements LayerChoice {}

  /** The root cannot be used as it is configured. */
  record Refused(String reason) implements LayerChoice {}

  /**
   * {@return the form of new layers} Existing layers keep theirs.
   *
   * @param settings the configuration
   * @param driver the driver of the root
   * @param trial the result of probing indexes on the root; not needed for directories
   */
  static LayerChoice of(
      EngineSettings settings, DriverName driver, Optional<IndexProbeResult> trial) {
    LayerSetting setting = settings.layers();
    if (setting == LayerSetting.DIRECTORY) {
      return new Directories("it is configured");
    }
    if (driver != DriverName.OVERLAY) {
      return without(setting, "the driver %s copies files".formatted(driver.configName()));
    }
    return switch (trial.orElseThrow()) {
      case IndexProbeResult.Works works -> new Indexed(works.reason());
      case IndexProbeResult.Unprotected unprotected -> without(setting, unprotected.reason());
      case IndexProbeResult.Fails fails -> without(setting, fails.reason());
      // The existing snapshots must be served, and no form of new layers would have room.
      case IndexProbeResult.NoRoom full -> new Directories(full.reason());
    };
  }

  private static LayerChoice without(LayerSetting setting, String reason) {
    return setting == LayerSetting.AUTO
        ? new Directories(reason)
        : new Refused("layers = \"indexed\" is configured, and does not work: " + reason);
  }
}
