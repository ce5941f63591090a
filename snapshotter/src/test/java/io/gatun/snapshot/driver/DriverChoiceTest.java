package io.gatun.snapshot.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class DriverChoiceTest {

  private static final OverlayFeatures FEATURES = new OverlayFeatures(false, true);
  private static final OverlayProbeResult WORKS = new OverlayProbeResult.Works(FEATURES);
  private static final OverlayProbeResult FAILS =
      new OverlayProbeResult.Fails("no such filesystem");
  private static final OverlayProbeResult NO_ROOM =
      new OverlayProbeResult.NoRoom(FEATURES, "mkdirat overlay-trial: ENOSPC");
  private static final Optional<DriverName> NEW = Optional.empty();
  private static final Optional<DriverName> OVERLAY = Optional.of(DriverName.OVERLAY);
  private static final Optional<DriverName> NATIVE = Optional.of(DriverName.NATIVE);

  @Test
  void autoTakesOverlayWhereItWorks() {
    assertThat(DriverChoice.of(DriverSetting.AUTO, NEW, WORKS))
        .isEqualTo(new DriverChoice.Overlay(FEATURES, "it works on this root"));
  }

  @Test
  void autoTakesNativeOtherwiseAndSaysWhy() {
    assertThat(DriverChoice.of(DriverSetting.AUTO, NEW, FAILS))
        .isEqualTo(
            new DriverChoice.Native("overlay does not work on this root: no such filesystem"));
  }

  @Test
  void autoStaysWithTheDriverOfTheRoot() {
    assertThat(DriverChoice.of(DriverSetting.AUTO, NATIVE, WORKS))
        .isEqualTo(new DriverChoice.Native("the root was used with it before"));
    assertThat(DriverChoice.of(DriverSetting.AUTO, OVERLAY, WORKS))
        .isEqualTo(new DriverChoice.Overlay(FEATURES, "the root was used with it before"));
  }

  @Test
  void autoRefusesAnOverlayRootOnWhichOverlayFails() {
    assertThat(DriverChoice.of(DriverSetting.AUTO, OVERLAY, FAILS))
        .isEqualTo(
            new DriverChoice.Refused(
                "the overlay driver is required because the root was used with it before, but overlay"
                    + " does not work on this root: no such filesystem"));
  }

  @Test
  void configuredOverlayIsRefusedWhereItFails() {
    assertThat(DriverChoice.of(DriverSetting.OVERLAY, NEW, FAILS))
        .isInstanceOf(DriverChoice.Refused.class)
        .extracting(Object::toString)
        .asString()
        .contains("it is configured", "no such filesystem");
  }

  @Test
  void configuredDriverMustBeTheOneOfTheRoot() {
    assertThat(DriverChoice.of(DriverSetting.OVERLAY, NATIVE, WORKS))
        .isEqualTo(
            new DriverChoice.Refused(
                "driver overlay is configured, but the root holds snapshots of driver native:"
                    + " configure that, or another root"));
    assertThat(DriverChoice.of(DriverSetting.NATIVE, OVERLAY, WORKS))
        .isInstanceOf(DriverChoice.Refused.class);
  }

  @Test
  void configuredDriverIsUsedIfItIsTheOneOfTheRootOrTheRootIsNew() {
    assertThat(DriverChoice.of(DriverSetting.OVERLAY, OVERLAY, WORKS))
        .isEqualTo(new DriverChoice.Overlay(FEATURES, "it is configured"));
    assertThat(DriverChoice.of(DriverSetting.NATIVE, NATIVE, WORKS))
        .isEqualTo(new DriverChoice.Native("it is configured"));
    assertThat(DriverChoice.of(DriverSetting.NATIVE, NEW, FAILS))
        .isEqualTo(new DriverChoice.Native("it is configured"));
  }

  @Test
  void fullFilesystemKeepsNoRootFromBeingServed() {
    for (DriverSetting setting : List.of(DriverSetting.AUTO, DriverSetting.OVERLAY)) {
      assertThat(DriverChoice.of(setting, OVERLAY, NO_ROOM))
          .isInstanceOfSatisfying(
              DriverChoice.Overlay.class,
              overlay -> {
                assertThat(overlay.features()).isEqualTo(FEATURES);
                assertThat(overlay.reason()).contains("no space to test it", "ENOSPC");
              });
      assertThat(DriverChoice.of(setting, NEW, NO_ROOM))
          .isInstanceOf(DriverChoice.Refused.class)
          .extracting(Object::toString)
          .asString()
          .contains("free some space", "ENOSPC");
    }
    assertThat(DriverChoice.of(DriverSetting.AUTO, NATIVE, NO_ROOM))
        .isInstanceOf(DriverChoice.Native.class);
  }
}
