package io.gatun.server.crash;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gatun.snapshot.metadata.journal.MetadataSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Starts daemons on one root, one at a time. */
final class Launcher {

  /** Few snapshots, for a small index; and the smallest possible journals. */
  static final MetadataSettings METADATA = new MetadataSettings(1_000, 64 << 10);

  private static final int LOGS_KEPT = 5;

  private final Path directory;
  private final Path root;
  private final Preparation preparation;
  private final String common;
  private int starts;

  /**
   * @param directory for socket, configuration and logs
   * @param root the root, which need not exist
   * @param common lines for every configuration file
   */
  Launcher(Path directory, Path root, Preparation preparation, String common) {
    this.directory = directory;
    this.root = root;
    this.preparation = preparation;
    this.common = common;
  }

  /**
   * {@return a daemon that was just started, and may not be ready}
   *
   * @param configuration further lines for the configuration file
   */
  DaemonUnderTest start(String configuration) throws IOException {
    Path socket = directory.resolve("gatun.sock");
    Path file = directory.resolve("gatun.toml");
    Files.writeString(
        file,
        """
        root = "%s"
        address = "%s"
        driver = "overlay"
        rebase = true
        warm_up = false
        metadata_entries_max = %d
        %s
        %s
        """
            .formatted(root, socket, METADATA.entriesMax(), common, configuration),
        UTF_8);
    starts++;
    Files.deleteIfExists(log(starts - LOGS_KEPT));
    Optional<Object> leftSocket = DaemonUnderTest.keyOf(socket);
    Process process =
        preparation
            .command(file)
            .redirectErrorStream(true)
            .redirectOutput(log(starts).toFile())
            .start();
    return new DaemonUnderTest(process, socket, leftSocket, log(starts));
  }

  private Path log(int start) {
    return directory.resolve("daemon-%d.log".formatted(start));
  }
}
