package io.gatun.snapshot.engine;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.DriverSettings;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.FileProtection;
import io.gatun.snapshot.state.Snapshots;
import java.nio.file.Path;

/**
 * The settings of the engine that an operator can choose.
 *
 * @param root the absolute path of the root
 * @param driver the wanted driver
 * @param overlay the mount settings of the overlay driver
 * @param copyThreads how many threads the native driver copies a tree with; at most two of them
 *     also delete removed snapshots
 * @param syncPolicy when the files of a layer have to be on disk
 * @param metadata the limits of the metadata store
 * @param spareDirectories how many directories are created in advance of requests; 0 for none
 * @param layers the form of new layers
 * @param selinuxContext the context of the files of indexed layers; empty for that of the policy
 * @param layerProtection the protection of the tars and indexes of new layers
 */
public record EngineSettings(
    Path root,
    DriverSetting driver,
    OverlaySettings overlay,
    int copyThreads,
    SyncPolicy syncPolicy,
    MetadataSettings metadata,
    int spareDirectories,
    LayerSetting layers,
    String selinuxContext,
    FileProtection layerProtection) {

  /** Enough for a burst of containers. They take about 800 KB on ext4. */
  private static final int SPARE_DIRECTORIES = 64;

  /**
   * Settings with the default number of directories in advance, layers as directories, no context
   * and no protection.
   */
  public EngineSettings(
      Path root,
      DriverSetting driver,
      OverlaySettings overlay,
      int copyThreads,
      SyncPolicy syncPolicy,
      MetadataSettings metadata) {
    this(
        root,
        driver,
        overlay,
        copyThreads,
        syncPolicy,
        metadata,
        SPARE_DIRECTORIES,
        LayerSetting.DIRECTORY,
        "",
        FileProtection.NONE);
  }

  DriverSettings driverSettings() {
    return new DriverSettings(driver, overlay, copyThreads);
  }

  Snapshots.Effort effort() {
    return new Snapshots.Effort(spareDirectories, copyThreads);
  }

  /** {@return a copy with this number of directories in advance} */
  public EngineSettings withDirectoryPool(int count) {
    return new EngineSettings(
        root,
        driver,
        overlay,
        copyThreads,
        syncPolicy,
        metadata,
        count,
        layers,
        selinuxContext,
        layerProtection);
  }

  /** {@return a copy with this sync policy} */
  public EngineSettings withLayerSync(SyncPolicy when) {
    return new EngineSettings(
        root,
        driver,
        overlay,
        copyThreads,
        when,
        metadata,
        spareDirectories,
        layers,
        selinuxContext,
        layerProtection);
  }

  /** {@return a copy with this form of new layers} */
  public EngineSettings withLayers(LayerSetting form) {
    return new EngineSettings(
        root,
        driver,
        overlay,
        copyThreads,
        syncPolicy,
        metadata,
        spareDirectories,
        form,
        selinuxContext,
        layerProtection);
  }

  /** {@return a copy with this SELinux context of indexed layers} */
  public EngineSettings withSelinuxContext(String context) {
    return new EngineSettings(
        root,
        driver,
        overlay,
        copyThreads,
        syncPolicy,
        metadata,
        spareDirectories,
        layers,
        context,
        layerProtection);
  }

  /** {@return a copy with this protection of new layers} */
  public EngineSettings withLayerProtection(FileProtection protection) {
    return new EngineSettings(
        root,
        driver,
        overlay,
        copyThreads,
        syncPolicy,
        metadata,
        spareDirectories,
        layers,
        selinuxContext,
        protection);
  }

  /** {@return the default settings of a root} */
  public static EngineSettings defaults(Path root) {
    return new EngineSettings(
        root,
        DriverSetting.AUTO,
        OverlaySettings.DEFAULT,
        Math.max(2, Runtime.getRuntime().availableProcessors()),
        SyncPolicy.COMMIT,
        MetadataSettings.defaults());
  }
}
