package io.gatun.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.file.Fcntl;
import java.util.Set;
import org.junit.jupiter.api.Test;

class KernelFeatureTest {

  @Test
  void absenceSaysWhichKernelIsNeeded() {
    assertThat(KernelFeature.OPENAT2.absence(-Errno.ENOSYS.number()))
        .hasValueSatisfying(
            reason ->
                assertThat(reason)
                    .contains("no openat2(2)", "Linux 5.6", System.getProperty("os.version")));
  }

  @Test
  void refusalSaysThatItIsOne() {
    assertThat(KernelFeature.MOUNT_SETATTR.absence(-Errno.EPERM.number()))
        .hasValueSatisfying(reason -> assertThat(reason).contains("mount_setattr(2)", "EPERM"));
  }

  @Test
  void anyOtherFailureIsTheCallItself() {
    assertThat(KernelFeature.OPENAT2.absence(-Errno.EINVAL.number())).isEmpty();
    assertThat(KernelFeature.OPENAT2.absence(-Errno.EBADF.number())).isEmpty();
  }

  @Test
  void answerAgreesWithTheCall() throws Exception {
    boolean works;
    try {
      Fcntl.openat2(Fd.CURRENT_DIRECTORY, LinuxPath.of("."), Set.of()).close();
      works = true;
    } catch (ErrnoException e) {
      works = false;
    }
    assertThat(KernelFeature.OPENAT2.isPresent()).isEqualTo(works);
  }

  @Test
  void everyFeatureIsPresentOnTheKernelThatTestsNeed() {
    assertThat(KernelFeature.values()).allMatch(KernelFeature::isPresent);
  }
}
