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
 * What an operator can choose about the engine.
 *
 * @param root where everything is kept; absolute
 * @param driver which driver is wanted
 * @param overlay how the overlay driver mounts
 * @param copyThreads how many threads the native driver copies a tree with, of which at most two
 *     also delete what is gone
 * @param syncPolicy when the files of a layer have to be on disk
 * @param metadata how much the metadata store may hold
 * @param spareDirectories how many directories of snapshots are made before anybody asks for them;
 *     0 for none
 * @param layers in which form layers are kept that are applied from now on
 * @param selinuxContext that files of indexed layers have; empty for that of the policy
 * @param layerProtection of the tars and indexes of layers that are applied from now on
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

  /** Enough for a burst of containers; on ext4 they take some 800 KB. */
  private static final int SPARE_DIRECTORIES = 64;

  /**
   * As many directories in advance as are of use, layers as directories, no context and no
   * protection.
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

  /** {@return the same with another number of directories in advance} */
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

  /** {@return the same with files of layers on the disk at another time} */
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

  /** {@return the same with another form of layers} */
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

  /** {@return the same with another SELinux context of indexed layers} */
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

  /** {@return the same with other protection of the files of layers} */
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

  /** {@return what holds for a root if nothing else is chosen} */
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
