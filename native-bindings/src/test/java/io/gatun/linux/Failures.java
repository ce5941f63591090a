package io.gatun.linux;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** Asserts that a call fails with an errno. */
public final class Failures {

  private Failures() {}

  public static void assertFails(String call, Errno errno, ThrowingCallable action) {
    assertThatExceptionOfType(ErrnoException.class)
        .isThrownBy(action)
        .matches(e -> e.call().equals(call) && e.is(errno), call + " fails with " + errno);
  }
}
