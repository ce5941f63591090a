package io.gatun.snapshot.engine;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;

/** Small roots for tests, with named settings. */
public final class TestRoots {

  public static final OverlaySettings PLAIN = OverlaySettings.DEFAULT;
  static final OverlaySettings VOLATILE = new OverlaySettings(List.of(), true, false, false, false);
  static final OverlaySettings REMAPPING =
      new OverlaySettings(List.of(), false, true, false, false);
  public static final OverlaySettings REBASING =
      new OverlaySettings(List.of(), false, false, true, false);

  private static final int ENTRIES_MAX = 2_000;
  private static final int COPY_THREADS = 2;

  /** Without a pool, ids are consecutive, and every directory belongs to a snapshot. */
  static final int NO_SPARES = 0;

  private TestRoots() {}

  static OverlaySettings withMountOptions(String... options) {
    return new OverlaySettings(List.of(options), false, false, false, false);
  }

  public static EngineSettings settings(Path root, DriverSetting driver, OverlaySettings overlay) {
    EngineSettings defaults = EngineSettings.defaults(root);
    return new EngineSettings(
            root,
            driver,
            overlay,
            COPY_THREADS,
            defaults.syncPolicy(),
            defaults.metadata().withEntriesMax(ENTRIES_MAX))
        .withDirectoryPool(NO_SPARES);
  }

  public static EngineRoot open(Path root, DriverSetting driver, OverlaySettings overlay)
      throws UnusableRootException {
    return EngineRoot.open(
        new LinuxDisk(), settings(root, driver, overlay), InstantSource.system());
  }

  /** Opens a root as on a machine with this boot id. */
  static EngineRoot openAfterBoot(Path root, OverlaySettings overlay, String boot)
      throws UnusableRootException {
    return EngineRoot.open(
        new LinuxDisk(),
        settings(root, DriverSetting.OVERLAY, overlay),
        InstantSource.system(),
        LayerBlobs.NONE,
        boot);
  }
}
