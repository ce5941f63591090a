package io.gatun.cli.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.ConfigurationFile;
import io.gatun.snapshot.mount.ForeignMounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The doctor's findings about the mounts of other processes. */
class HostCheckTest {

  @TempDir private Path directory;

  private List<CheckResult> run(HostCheck.PinSearch pins) throws Exception {
    Path root = Files.createDirectory(directory.resolve("root"));
    Path file =
        Files.writeString(directory.resolve("gatun.toml"), "root = \"%s\"\n".formatted(root));
    Configuration configuration = ConfigurationFile.read(file);
    return new HostCheck(configuration, pins).run();
  }

  private static List<CheckResult> of(List<CheckResult> all, String subject) {
    return all.stream().filter(each -> each.subject().equals(subject)).toList();
  }

  @Test
  void mountsThatCannotBeReadAreNoFaultOfTheRoot() throws Exception {
    List<CheckResult> found =
        run(
            _ -> {
              throw new IOException("open /proc/7/mountinfo: EIO");
            });
    assertThat(of(found, "mounts"))
        .singleElement()
        .satisfies(
            each -> {
              assertThat(each.severity()).isEqualTo(CheckResult.Severity.NOTE);
              assertThat(each.text()).contains("open /proc/7/mountinfo: EIO");
            });
    assertThat(of(found, "root"))
        .noneMatch(each -> each.severity() == CheckResult.Severity.FAULT)
        .noneMatch(each -> each.text().contains("choose another root"));
  }

  @Test
  void everyNamespaceThatHoldsLayersIsNamed() throws Exception {
    List<CheckResult> found =
        run(
            root ->
                List.of(
                    new ForeignMounts(
                        7, "runc", List.of(LinuxPath.of(root.resolve("snapshots/3"))))));
    assertThat(of(found, "mounts"))
        .singleElement()
        .extracting(CheckResult::text)
        .asString()
        .contains("process 7 (runc)", "snapshots/3");
  }
}
