package io.gatun.snapshot.driver;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnusableRootException;
import java.util.Arrays;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens roots with the driver that fits. */
public final class Drivers {

  private static final Logger log = LoggerFactory.getLogger(Drivers.class);

  private Drivers() {}

  /**
   * Chooses the driver of a root, and records the choice there.
   *
   * @param boot identifies this start of the machine
   * @param isNew whether the root holds no snapshots, so that any driver will do
   * @throws UnusableRootException if no driver fits
   */
  public static Driver open(
      Root root,
      String boot,
      DriverSettings settings,
      Durability durability,
      IdMappedMounts idMappedMounts,
      boolean isNew)
      throws UnusableRootException, ErrnoException {
    Optional<DriverName> recorded = isNew ? Optional.empty() : recorded(root);
    OverlayProbe probe = new OverlayProbe(root.disk(), root.path(), root.trash());
    Driver driver =
        switch (DriverChoice.of(settings.driver(), recorded, probe.run())) {
          case DriverChoice.Overlay overlay -> {
            log.info("driver=overlay reason=\"{}\"", overlay.reason());
            yield new OverlayDriver(
                root,
                settings.overlay(),
                overlay.features(),
                boot,
                durability::awaitAll,
                idMappedMounts);
          }
          case DriverChoice.Native copying -> {
            log.info("driver=native reason=\"{}\"", copying.reason());
            yield new NativeDriver(
                root.disk(),
                root.path(),
                root.snapshots(),
                settings.copyThreads(),
                boot,
                durability.isWanted());
          }
          case DriverChoice.Refused refused ->
              throw new UnusableRootException(
                  "root %s cannot be used: %s".formatted(root.path(), refused.reason()));
        };
    root.recordDriver(driver.name().configName());
    return driver;
  }

  private static Optional<DriverName> recorded(Root root) throws UnusableRootException {
    if (root.driver().isEmpty()) {
      return Optional.empty();
    }
    String name = root.driver().get();
    return Optional.of(
        Arrays.stream(DriverName.values())
            .filter(each -> each.configName().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    new UnusableRootException(
                        "root %s belongs to a driver %s that this gatun does not know: use the gatun that wrote it"
                            .formatted(root.path(), name))));
  }
}
