package io.gatun.snapshot.engine;

import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.mount.IndexProbeResult;
import java.util.Optional;

/** In which form the layers are kept that are applied from now on, and why. */
sealed interface LayerChoice {

  /** Each as its tar under an index. */
  record Indexed(String reason) implements LayerChoice {}

  /** Each as a directory. */
  record Directories(String reason) implements LayerChoice {}

  /** The root cannot be used as it is configured. */
  record Refused(String reason) implements LayerChoice {}

  /**
   * {@return the form to use} Layers that are there already stay as they are.
   *
   * @param settings what is configured
   * @param driver which the root is used with
   * @param trial whether indexes can be used on the root; not asked for directories
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
      // What is there has to be served, and there is no room for layers in any form.
      case IndexProbeResult.NoRoom full -> new Directories(full.reason());
    };
  }

  private static LayerChoice without(LayerSetting setting, String reason) {
    return setting == LayerSetting.AUTO
        ? new Directories(reason)
        : new Refused("layers = \"indexed\" is configured, and does not work: " + reason);
  }
}
