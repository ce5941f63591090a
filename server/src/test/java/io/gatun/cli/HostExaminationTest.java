package io.gatun.cli;

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

/** What the doctor says about the mounts of other processes. */
class HostExaminationTest {

  @TempDir private Path directory;

  private List<Diagnosis> run(HostExamination.PinSearch pins) throws Exception {
    Path root = Files.createDirectory(directory.resolve("root"));
    Path file =
        Files.writeString(directory.resolve("gatun.toml"), "root = \"%s\"\n".formatted(root));
    Configuration configuration = ConfigurationFile.read(file);
    return new HostExamination(configuration, pins).run();
  }

  private static List<Diagnosis> of(List<Diagnosis> all, String subject) {
    return all.stream().filter(each -> each.subject().equals(subject)).toList();
  }

  @Test
  void mountsThatCannotBeReadAreNoFaultOfTheRoot() throws Exception {
    List<Diagnosis> found =
        run(
            _ -> {
              throw new IOException("open /proc/7/mountinfo: EIO");
            });
    assertThat(of(found, "mounts"))
        .singleElement()
        .satisfies(
            each -> {
              assertThat(each.severity()).isEqualTo(Diagnosis.Severity.NOTE);
              assertThat(each.text()).contains("open /proc/7/mountinfo: EIO");
            });
    assertThat(of(found, "root"))
        .noneMatch(each -> each.severity() == Diagnosis.Severity.FAULT)
        .noneMatch(each -> each.text().contains("choose another root"));
  }

  @Test
  void everyNamespaceThatHoldsLayersIsNamed() throws Exception {
    List<Diagnosis> found =
        run(
            root ->
                List.of(
                    new ForeignMounts(
                        7, "runc", List.of(LinuxPath.of(root.resolve("snapshots/3"))))));
    assertThat(of(found, "mounts"))
        .singleElement()
        .extracting(Diagnosis::text)
        .asString()
        .contains("process 7 (runc)", "snapshots/3");
  }
}
