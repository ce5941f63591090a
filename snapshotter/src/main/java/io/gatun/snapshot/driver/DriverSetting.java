package io.gatun.snapshot.driver;

/** Which driver an operator wants. */
public enum DriverSetting {
  /** Overlay where it works, otherwise native. */
  AUTO,
  OVERLAY,
  NATIVE
}
