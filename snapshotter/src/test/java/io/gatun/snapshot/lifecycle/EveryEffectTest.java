package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.QuietLogs;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: wherever the machine stops, nothing acknowledged is missing afterwards, and nothing
 * unacknowledged is there in part or leaves anything behind. The crash tier has more of this.
 */
@Timeout(1_800)
@ExtendWith(QuietLogs.class)
class EveryEffectTest {

  @ParameterizedTest
  @EnumSource
  void nothingAcknowledgedIsLostWhereverTheMachineStops(EveryEffect.Stopping stopping) {
    new EveryEffect(DriverSetting.NATIVE).stop(stopping);
  }

  @ParameterizedTest
  @EnumSource
  void noLayerIsThereInPartWhereverTheMachineStops(EveryEffect.Stopping stopping) {
    new EveryUnpackingEffect(DriverSetting.NATIVE).stop(stopping);
  }
}
