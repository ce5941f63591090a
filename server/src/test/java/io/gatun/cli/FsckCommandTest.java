package io.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.cli.text.ProgressBar;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.Root;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The output of {@code gatun fsck}, and the exit codes in its help. */
final class FsckCommandTest {

  @TempDir private Path temporary;
  private Path root = Path.of("");
  private Path config = Path.of("");
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @BeforeEach
  void makeRoot() throws Exception {
    root = temporary.resolve("root");
    config = temporary.resolve("gatun.toml");
    Files.writeString(config, "root = \"%s\"\nmetadata_entries_max = 1000\n".formatted(root));
    try (Root opened = Root.open(new LinuxDisk(), root)) {
      opened.recordDriver("overlay");
      MetadataStore.open(
              new LinuxDisk(),
              opened.metadataPath(),
              MetadataSettings.defaults().withEntriesMax(1_000))
          .close();
    }
  }

  private int run(String... arguments) {
    CommandLine line = Gatun.commandLine();
    line.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    return line.execute(arguments);
  }

  @Test
  void cleanRootIsZero() {
    assertThat(run("fsck", "--config", config.toString())).isZero();
    assertThat(out.toString()).isEqualTo("nothing is wrong\n");
  }

  @Test
  void rootWhoseFirstStartWasCutShortIsZero() throws Exception {
    Path begun = temporary.resolve("begun");
    Root.open(new LinuxDisk(), begun).close();
    Files.delete(begun.resolve("metadata"));
    assertThat(run("fsck", "--root", begun.toString())).isZero();
    assertThat(out.toString())
        .isEqualTo(
            "notice: .: the first start on this root did not finish, so nothing was ever"
                + " acknowledged; the next start finishes it\nnothing is wrong\n");
  }

  @Test
  void findingIsThreeAndRepairedIsFour() throws Exception {
    Files.setPosixFilePermissions(
        root.resolve("metadata"), PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(run("fsck", "--config", config.toString())).isEqualTo(3);
    assertThat(out.toString())
        .contains("repairable: metadata: its mode is 0755 and should be 0700\n", "wrong: 1\n");
    assertThat(run("fsck", "--repair", "--config", config.toString())).isEqualTo(4);
    assertThat(run("fsck", "--config", config.toString())).isZero();
  }

  @Test
  void damagedContentIsThreeAndFoundOnlyIfItIsReadAndSetAsideByARepair() throws Exception {
    Path layer = Files.createDirectories(root.resolve("layers").resolve("ab".repeat(32)));
    for (Path each : List.of(layer.resolve(".."), layer)) {
      Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwx------"));
    }
    Path tar = Files.write(layer.resolve("tar"), new byte[1024]);
    Files.setPosixFilePermissions(tar, PosixFilePermissions.fromString("rw-------"));
    assertThat(run("fsck", "--config", config.toString())).isZero();
    assertThat(run("fsck", "--content", "--config", config.toString())).isEqualTo(3);
    assertThat(out.toString())
        .contains("damage: layers/" + "ab".repeat(32) + "/tar: it is damaged: its content on disk");
    assertThat(err.toString()).as("no terminal, no bar").isEmpty();
    assertThat(run("fsck", "--repair", "--config", config.toString())).isZero();
    assertThat(tar).exists();
    // No snapshot has the layer, so nothing is missing.
    assertThat(run("fsck", "--content", "--repair", "--config", config.toString())).isEqualTo(4);
    assertThat(tar).doesNotExist();
    assertThat(layer.resolve("tar.damaged")).hasBinaryContent(new byte[1024]);
    assertThat(run("fsck", "--content", "--config", config.toString())).isZero();
  }

  @Test
  void progressIsOneLineThatEndsWithTheWhole() {
    ProgressBar bar = new ProgressBar(new PrintWriter(err), true);
    bar.show(0, 2_000_000);
    bar.show(500, 2_000_000);
    bar.show(2_000_000, 2_000_000);
    bar.end();
    assertThat(err.toString())
        .isEqualTo(
            "\r[%s]   0.0 %% of 2 MB\r[%s] 100.0 %% of 2 MB%n"
                .formatted("-".repeat(40), "#".repeat(40)));
  }

  @Test
  void lossIsFive() throws Exception {
    Files.createDirectories(root.resolve("snapshots/7/fs"));
    assertThat(run("fsck", "--config", config.toString())).isEqualTo(3);
    assertThat(run("fsck", "--repair", "--config", config.toString())).isEqualTo(5);
    assertThat(root.resolve("snapshots/7.damaged/fs")).isDirectory();
    assertThat(run("fsck", "--config", config.toString())).isZero();
  }

  @Test
  void laterVersionStaysThree() throws Exception {
    Files.writeString(root.resolve("format"), "gatun-root 2\n");
    assertThat(run("fsck", "--repair", "--config", config.toString())).isEqualTo(3);
    assertThat(root.resolve("format")).hasContent("gatun-root 2\n");
  }

  @Test
  void rootThatCannotBeCheckedIsOneAndOneLine() throws Exception {
    assertThat(run("fsck", "--root", temporary.resolve("nowhere").toString())).isEqualTo(1);
    assertThat(err.toString().lines()).singleElement().asString().contains("nowhere", "ENOENT");
    try (Root inUse = Root.open(new LinuxDisk(), root)) {
      assertThat(run("fsck", "--root", inUse.path().toString())).isEqualTo(1);
    }
    assertThat(err.toString()).contains("in use by a gatun");
  }

  @Test
  void wrongUsageIsTwo() {
    assertThat(run("fsck", "--unknown")).isEqualTo(2);
  }
}
