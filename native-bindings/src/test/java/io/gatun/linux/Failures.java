package io.gatun.linux;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** Says that a call must fail, and how. */
final class Failures {

  private Failures() {}

  static void assertFails(String call, Errno errno, ThrowingCallable action) {
    assertThatExceptionOfType(ErrnoException.class)
        .isThrownBy(action)
        .matches(e -> e.call().equals(call) && e.is(errno), call + " fails with " + errno);
  }
}
