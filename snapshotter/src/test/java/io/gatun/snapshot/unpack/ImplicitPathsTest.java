package io.gatun.snapshot.unpack;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import java.util.List;
import org.junit.jupiter.api.Test;

class ImplicitPathsTest {

  private final ImplicitPaths paths = new ImplicitPaths();

  @Test
  void whatIsAskedForIsTakenNoteOf() {
    assertThat(paths.of(LinuxPath.of("a"))).isEmpty();
    assertThat(paths.of(LinuxPath.of("a/b"))).isEmpty();
    assertThat(paths.all()).contains(List.of(LinuxPath.of("a"), LinuxPath.of("a/b")));
  }

  @Test
  void oneMoreThanAThousandIsTooMuch() {
    for (int i = 0; i < 1_000; i++) {
      paths.of(LinuxPath.of("d" + i));
    }
    assertThat(paths.all()).isPresent();
    paths.of(LinuxPath.of("d"));
    assertThat(paths.all()).isEmpty();
  }

  /** A layer with links can lead to paths of any length. */
  @Test
  void pathsOfMoreThanAMebibyteAreTooMuch() {
    LinuxPath path = LinuxPath.of("a".repeat(1 << 18));
    for (int i = 0; i < 4; i++) {
      paths.of(path);
    }
    assertThat(paths.all()).isPresent();
    paths.of(LinuxPath.of("b"));
    assertThat(paths.all()).isEmpty();
  }
}
