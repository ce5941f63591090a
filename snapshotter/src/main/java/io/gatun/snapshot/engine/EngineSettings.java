package io.gatun.snapshot.engine;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.metadata.MetadataSettings;
import java.nio.file.Path;

/**
 * What an operator can choose about the engine.
 *
 * @param root where everything is kept; absolute
 * @param driver which driver is wanted
 * @param overlay how the overlay driver mounts
 * @param copyThreads how many threads the native driver copies a tree with, of which at most two
 *     also delete what is gone
 * @param layerSync when the files of a layer have to be on disk
 * @param metadata how much the metadata store may hold
 */
public record EngineSettings(
    Path root,
    DriverSetting driver,
    OverlaySettings overlay,
    int copyThreads,
    LayerSync layerSync,
    MetadataSettings metadata) {

  /** {@return what holds for a root if nothing else is chosen} */
  public static EngineSettings defaults(Path root) {
    return new EngineSettings(
        root,
        DriverSetting.AUTO,
        OverlaySettings.DEFAULT,
        Math.max(2, Runtime.getRuntime().availableProcessors()),
        LayerSync.COMMIT,
        MetadataSettings.defaults());
  }
}
