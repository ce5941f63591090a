package io.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.TypeConversionException;

/** Which paths can be given on the command line. */
final class GatunTest {

  @Test
  void anEmptyOneIsNotTheWorkingDirectory() {
    assertThat(Gatun.path("a/b")).isEqualTo(Path.of("a/b"));
    assertThatThrownBy(() -> Gatun.path("")).isInstanceOf(TypeConversionException.class);
    assertThatThrownBy(() -> Gatun.path("\0")).isInstanceOf(TypeConversionException.class);
  }
}
