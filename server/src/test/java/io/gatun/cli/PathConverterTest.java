package io.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.TypeConversionException;

/** Which paths can be given on the command line. */
final class PathConverterTest {

  @Test
  void anEmptyOneIsNotTheWorkingDirectory() {
    PathConverter converter = new PathConverter();
    assertThat(converter.convert("a/b")).isEqualTo(Path.of("a/b"));
    assertThatThrownBy(() -> converter.convert("")).isInstanceOf(TypeConversionException.class);
    assertThatThrownBy(() -> converter.convert("\0")).isInstanceOf(TypeConversionException.class);
  }
}
