package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.mount.IndexAccess;
import io.gatun.snapshot.mount.IndexProbeResult;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The choice of the form of new layers. */
class LayerChoiceTest {

  private static final IndexProbeResult WORKS =
      new IndexProbeResult.Works(IndexAccess.FILE, "it works");

  private static LayerChoice choice(
      LayerSetting setting, DriverName driver, IndexProbeResult trial) {
    EngineSettings settings = EngineSettings.defaults(Path.of("/root")).withLayers(setting);
    return LayerChoice.of(settings, driver, Optional.of(trial));
  }

  @Test
  void directoriesAreTheDefaultAndNeedNoTrial() {
    EngineSettings defaults = EngineSettings.defaults(Path.of("/root"));
    assertThat(LayerChoice.of(defaults, DriverName.OVERLAY, Optional.empty()))
        .isEqualTo(new LayerChoice.Directories("it is configured"));
  }

  @Test
  void indexesAreTakenWhereTheTrialSucceeds() {
    for (LayerSetting setting : new LayerSetting[] {LayerSetting.AUTO, LayerSetting.INDEXED}) {
      assertThat(choice(setting, DriverName.OVERLAY, WORKS))
          .isEqualTo(new LayerChoice.Indexed("it works"));
    }
  }

  @Test
  void whatDoesNotWorkIsReplacedOrRefusedAsItIsConfigured() {
    IndexProbeResult fails = new IndexProbeResult.Fails("no such filesystem");
    assertThat(choice(LayerSetting.AUTO, DriverName.OVERLAY, fails))
        .isEqualTo(new LayerChoice.Directories("no such filesystem"));
    assertThat(choice(LayerSetting.INDEXED, DriverName.OVERLAY, fails))
        .isInstanceOfSatisfying(
            LayerChoice.Refused.class,
            refused -> assertThat(refused.reason()).contains("no such filesystem"));
    assertThat(choice(LayerSetting.AUTO, DriverName.NATIVE, WORKS))
        .isInstanceOf(LayerChoice.Directories.class);
    assertThat(choice(LayerSetting.INDEXED, DriverName.NATIVE, WORKS))
        .isInstanceOf(LayerChoice.Refused.class);
  }

  @Test
  void aFullFilesystemIsServed() {
    IndexProbeResult full = new IndexProbeResult.NoRoom("no room");
    assertThat(choice(LayerSetting.INDEXED, DriverName.OVERLAY, full))
        .isEqualTo(new LayerChoice.Directories("no room"));
  }
}
