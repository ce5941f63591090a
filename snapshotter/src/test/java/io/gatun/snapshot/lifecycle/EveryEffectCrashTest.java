package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.fault.QuietLogs;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Goal: whichever call of the kernel fails, the request that meets it is refused with what has gone
 * wrong, or does without; made again, it is answered. Nothing leaks, and a start after a crash
 * shows exactly what was acknowledged.
 */
@Timeout(1_800)
@Execution(ExecutionMode.CONCURRENT)
@ExtendWith(QuietLogs.class)
class EveryEffectCrashTest {

  @ParameterizedTest
  @MethodSource("io.gatun.snapshot.lifecycle.ErrnoRound#rounds")
  void aFailureConcernsOnlyTheRequestThatMeetsIt(ErrnoRound round) {
    new EveryEffect(DriverSetting.NATIVE).fail(round);
  }

  @ParameterizedTest
  @EnumSource
  void nothingAcknowledgedIsLostWithOverlayEither(EveryEffect.Stopping stopping) {
    new EveryEffect(DriverSetting.OVERLAY).stop(stopping);
  }

  @ParameterizedTest
  @MethodSource("io.gatun.snapshot.lifecycle.ErrnoRound#rounds")
  void aFailureWhileALayerIsUnpackedLeavesItToBeTriedAgain(ErrnoRound round) {
    new EveryUnpackingEffect(DriverSetting.OVERLAY).fail(round);
  }

  @ParameterizedTest
  @EnumSource
  void noLayerIsThereInPartWithOverlayEither(EveryEffect.Stopping stopping) {
    new EveryUnpackingEffect(DriverSetting.OVERLAY).stop(stopping);
  }

  @ParameterizedTest
  @MethodSource("io.gatun.snapshot.lifecycle.ErrnoRound#rounds")
  void aFailureWhileALayerIsKeptLeavesItToBeTriedAgain(ErrnoRound round) {
    new EveryUnpackingEffect(DriverSetting.OVERLAY, LayerSetting.INDEXED).fail(round);
  }

  @ParameterizedTest
  @EnumSource
  void noLayerIsKeptInPart(EveryEffect.Stopping stopping) {
    new EveryUnpackingEffect(DriverSetting.OVERLAY, LayerSetting.INDEXED).stop(stopping);
  }

  @ParameterizedTest
  @EnumSource(names = {"TORN_WRITE", "POWER_CUT"})
  void whatIsSyncedBehindTheAnswerIsThereAgain(EveryEffect.Stopping stopping) {
    new EveryUnpackingEffect(DriverSetting.OVERLAY, LayerSetting.INDEXED, SyncPolicy.BACKGROUND)
        .stop(stopping);
  }

  @ParameterizedTest
  @EnumSource(names = {"TORN_WRITE", "POWER_CUT"})
  void aLayerThatIsBeingRebuiltIsRebuiltByTheNextStart(EveryEffect.Stopping stopping) {
    new EveryUnpackingEffect(DriverSetting.OVERLAY, LayerSetting.INDEXED, SyncPolicy.BACKGROUND)
        .stopRepair(stopping);
  }
}
