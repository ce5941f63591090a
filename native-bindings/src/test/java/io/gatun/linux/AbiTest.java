package io.gatun.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java side's numbers and structures match this machine's headers. */
class AbiTest {

  /** Beyond the last errno of Linux, 133. */
  private static final int ERRNO_LIMIT = 512;

  @TempDir Path temporary;

  @Test
  void everyConstantIsThatOfTheHeaders() throws Exception {
    Map<String, Long> constants = AbiProbe.javaConstants();
    assertThat(constants)
        .hasSizeGreaterThan(260)
        .containsKeys("AT_FDCWD", "SYS_openat2", "O_CREAT", "MS_BIND", "ISAL_NEED_DICT", "EIO");
    Map<String, Long> actual = AbiProbe.numbers(constants.keySet(), temporary);
    // Signedness differs in C; only the bits matter.
    assertThat(lowWords(constants)).isEqualTo(lowWords(actual));
  }

  @Test
  void everyStructureIsThatOfTheHeaders() throws Exception {
    Map<String, Long> layouts = AbiProbe.javaLayouts();
    assertThat(layouts).containsKeys("sizeof(struct statx)", "offsetof(struct statfs, f_flags)");
    assertThat(layouts).isEqualTo(AbiProbe.numbers(layouts.keySet(), temporary));
  }

  @Test
  void typesInSignaturesHaveTheSizesThatBindingsGiveThem() throws Exception {
    Map<String, Long> sizes =
        Map.ofEntries(
            Map.entry("sizeof(int)", 4L),
            Map.entry("sizeof(unsigned int)", 4L),
            Map.entry("sizeof(mode_t)", 4L),
            Map.entry("sizeof(uid_t)", 4L),
            Map.entry("sizeof(gid_t)", 4L),
            Map.entry("sizeof(pid_t)", 4L),
            Map.entry("sizeof(long)", 8L),
            Map.entry("sizeof(unsigned long)", 8L),
            Map.entry("sizeof(size_t)", 8L),
            Map.entry("sizeof(ssize_t)", 8L),
            Map.entry("sizeof(off_t)", 8L),
            Map.entry("sizeof(void *)", 8L));
    assertThat(AbiProbe.numbers(sizes.keySet(), temporary)).isEqualTo(sizes);
  }

  @Test
  void everyErrnoHasTheTextOfStrerror() throws Exception {
    Map<Integer, String> texts = AbiProbe.errorTexts(ERRNO_LIMIT, temporary);
    assertThat(texts).hasSize(ERRNO_LIMIT - 1);
    texts.forEach(
        (number, text) -> {
          Errno errno = Errno.of(number);
          if (errno == Errno.UNKNOWN) {
            assertThat(text).isEqualTo("Unknown error " + number);
          } else {
            assertThat(errno.number()).isEqualTo(number);
            assertThat(errno.text()).isEqualTo(text);
          }
        });
  }

  @Test
  void probeRefusesWhatHeadersDoNotKnow() {
    assertThatThrownBy(() -> AbiProbe.numbers(List.of("O_GATUN"), temporary))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("O_GATUN");
  }

  @Test
  void probeSeesWrongNumbers() throws Exception {
    assertThat(AbiProbe.numbers(List.of("O_CREAT"), temporary)).isNotEqualTo(Map.of("O_CREAT", 1L));
  }

  private static List<String> lowWords(Map<String, Long> values) {
    return values.entrySet().stream()
        .map(entry -> "%s=%#x".formatted(entry.getKey(), entry.getValue().intValue()))
        .toList();
  }
}
