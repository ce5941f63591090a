package io.gatun.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ErrnoTest {

  /** The kernel's ENOTSUPP, which differs from C's ENOTSUP. */
  private static final int ENOTSUPP = 524;

  @Test
  void numbersWithoutANameAreUnknown() {
    for (int number : new int[] {Integer.MIN_VALUE, -1, 0, 41, 58, ENOTSUPP, Integer.MAX_VALUE}) {
      assertThat(Errno.of(number)).isEqualTo(Errno.UNKNOWN);
    }
  }

  @Test
  void exceptionKeepsTheNumberOfAnUnknownErrno() {
    ErrnoException e = new ErrnoException("ioctl", ENOTSUPP, "file");
    assertThat(e).hasMessage("ioctl file: errno 524 (unknown error)");
    assertThat(e.number()).isEqualTo(ENOTSUPP);
    assertThat(e.errno()).isEqualTo(Errno.UNKNOWN);
  }

  @Test
  void exceptionSaysWhatTheKernelExplained() {
    assertThat(new ErrnoException("fsconfig", Errno.EINVAL.number(), "overlay", "e no upperdir"))
        .hasMessage("fsconfig overlay: EINVAL (Invalid argument): e no upperdir");
  }

  @Test
  void exceptionCanBeMadeOfAnErrnoAndAPath() {
    ErrnoException e = new ErrnoException("mkdirat", Errno.EEXIST, LinuxPath.of("snapshots/7"));
    assertThat(e).hasMessage("mkdirat snapshots/7: EEXIST (File exists)");
    assertThat(e.call()).isEqualTo("mkdirat");
    assertThat(e.path()).isEqualTo("snapshots/7");
    assertThat(e.is(Errno.EEXIST)).isTrue();
  }
}
