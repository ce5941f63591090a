package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.layer.index.SampleIndex;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.TarWriteMode;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.mount.IndexAccess;
import io.gatun.snapshot.mount.IndexFilesystem;
import io.gatun.snapshot.mount.IndexMounts;
import io.gatun.snapshot.mount.IndexProbe;
import io.gatun.snapshot.mount.IndexProbeResult;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnusableRootException;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The form of new layers and the way to mount indexed layers, both chosen by a probe of the root.
 */
final class LayerForms {

  private static final Logger log = LoggerFactory.getLogger(LayerForms.class);

  private final Root root;
  private final EngineSettings settings;
  private final boolean isIndexing;
  private final IndexMounts mounts;
  private final TarWriteMode writeMode;

  /**
   * Chooses the form of new layers on a root.
   *
   * @throws UnusableRootException if the configured form does not work
   */
  static LayerForms open(
      Root root,
      EngineSettings settings,
      DriverName driver,
      LayerStore layers,
      Durability durability,
      IdMappedMounts idMappedMounts)
      throws UnusableRootException, ErrnoException {
    boolean hasLayers = !layers.diffIds().isEmpty();
    Optional<IndexProbeResult> probed =
        settings.layers() != LayerSetting.DIRECTORY || hasLayers
            ? Optional.of(probe(root, settings, root.trashPath()).run())
            : Optional.empty();
    boolean isIndexing = choose(root, settings, driver, probed, hasLayers);
    // Stored layers are mounted even so, so that each request for one reports why its mount fails.
    IndexAccess access = probed.flatMap(LayerForms::accessOf).orElse(IndexAccess.FILE);
    IndexMounts mounts =
        new IndexMounts(
            root.snapshots(),
            new IndexFilesystem(access, settings.selinuxContext()),
            idMappedMounts);
    // The background sync writes the names of a layer at once, and on some filesystems this also
    // brings earlier writes to disk.
    boolean isSyncedSoon = durability.isWanted();
    TarWriteMode writeMode =
        new TarWriteMode(isSyncedSoon, isSyncedSoon && access == IndexAccess.DIRECT);
    return new LayerForms(root, settings, isIndexing, mounts, writeMode);
  }

  private LayerForms(
      Root root,
      EngineSettings settings,
      boolean isIndexing,
      IndexMounts mounts,
      TarWriteMode writeMode) {
    this.root = root;
    this.settings = settings;
    this.isIndexing = isIndexing;
    this.mounts = mounts;
    this.writeMode = writeMode;
  }

  private static boolean choose(
      Root root,
      EngineSettings settings,
      DriverName driver,
      Optional<IndexProbeResult> probed,
      boolean hasLayers)
      throws UnusableRootException {
    return switch (LayerChoice.of(settings, driver, probed)) {
      case LayerChoice.Indexed indexed -> {
        log.info("layers=indexed reason=\"{}\"", indexed.reason());
        yield true;
      }
      case LayerChoice.Directories directories -> {
        log.info("layers=directory reason=\"{}\"", directories.reason());
        if (hasLayers && probed.orElse(null) instanceof IndexProbeResult.Fails fails) {
          log.warn("stored indexed layers cannot be mounted error=\"{}\"", fails.reason());
        }
        yield false;
      }
      case LayerChoice.Refused refused ->
          throw new UnusableRootException(
              "root %s cannot be used: %s".formatted(root.path(), refused.reason()));
    };
  }

  private static IndexProbe probe(Root root, EngineSettings settings, Path place) {
    return new IndexProbe(
        root.disk(),
        place,
        new SampleIndex(),
        settings.selinuxContext(),
        settings.layerProtection());
  }

  private static Optional<IndexAccess> accessOf(IndexProbeResult probed) {
    return switch (probed) {
      case IndexProbeResult.Works works -> Optional.of(works.access());
      case IndexProbeResult.Unprotected unprotected -> Optional.of(unprotected.access());
      case IndexProbeResult.Fails _, IndexProbeResult.NoRoom _ -> Optional.empty();
    };
  }

  /** {@return whether new layers are indexed} */
  boolean isIndexing() {
    return isIndexing;
  }

  IndexMounts mounts() {
    return mounts;
  }

  TarWriteMode writeMode() {
    return writeMode;
  }

  /**
   * Probes indexes on a root that had none, and mounts later ones in the way that works.
   *
   * @param place the name of an empty directory in {@code trash/}
   */
  IndexProbeResult probeAgain(LinuxPath place) throws ErrnoException {
    IndexProbeResult probed =
        probe(root, settings, root.trashPath().resolve(place.toString())).run();
    accessOf(probed).ifPresent(mounts::mountBy);
    return probed;
  }
}
