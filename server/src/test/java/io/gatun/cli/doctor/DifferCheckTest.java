package io.gatun.cli.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.server.config.Configuration;
import io.gatun.server.config.ConfigurationFile;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The doctor's findings about unpacking, with a socket and files in containerd's place. */
class DifferCheckTest {

  private static final String PLUGIN =
      """
      [proxy_plugins.other-name]
        type = "diff"
        address = "/run/gatun/gatun.sock"
      """;
  private static final String USED =
      """
      [plugins."io.containerd.service.v1.diff-service"]
        default = ["other-name", "walking"]
      """;

  @TempDir private Path directory;
  private Path file;
  private Path socket;
  private Path blobs;

  @BeforeEach
  void makeRoot() throws IOException {
    file = directory.resolve("config.toml");
    socket = directory.resolve("c.sock");
    blobs =
        Files.createDirectories(
            directory.resolve("root/io.containerd.content.v1.content/blobs/sha256"));
  }

  private List<CheckResult> run(String toml) throws Exception {
    return run(toml, "directory");
  }

  private List<CheckResult> run(String toml, String layers) throws Exception {
    Files.writeString(file, toml);
    Path own =
        Files.writeString(
            directory.resolve("gatun.toml"),
            "containerd_address = \"%s\"\ncontainerd_root = \"%s\"\nlayers = \"%s\"\n"
                .formatted(socket, directory.resolve("root"), layers));
    Configuration configuration = ConfigurationFile.read(own);
    return new ContainerdCheck(configuration, file)
        .run().stream().filter(each -> each.subject().equals("unpacking")).toList();
  }

  private List<CheckResult> runServed(String toml) throws Exception {
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      return run(toml);
    }
  }

  private static void assertOnly(
      List<CheckResult> diagnoses, CheckResult.Severity severity, String... parts) {
    assertThat(diagnoses).hasSize(1);
    assertThat(diagnoses.getFirst().severity()).isEqualTo(severity);
    assertThat(diagnoses.getFirst().text()).contains(parts);
  }

  @Test
  void nothingIsSaidWhereContainerdHasNoSuchDiffer() throws Exception {
    assertThat(run("")).isEmpty();
    assertThat(run(PLUGIN.replace("gatun.sock", "other.sock"))).isEmpty();
  }

  @Test
  void layersThatAreToBeKeptAsTarsNeedTheDiffer() throws Exception {
    for (String layers : List.of("indexed", "auto")) {
      assertOnly(
          run("", layers), CheckResult.Severity.NOTE, "layers = \"" + layers, "become directories");
    }
  }

  @Test
  void theDifferIsToBeAskedBeforeContainerdsOwn() throws Exception {
    Files.createFile(blobs.resolve("00"));
    assertOnly(
        runServed(
            PLUGIN + USED.replace("\"other-name\", \"walking\"", "\"walking\", \"other-name\"")),
        CheckResult.Severity.NOTE,
        "asks walking before other-name");
  }

  @Test
  void everythingIsAsItShouldBe() throws Exception {
    Files.createFile(blobs.resolve("00"));
    assertOnly(runServed(PLUGIN + USED), CheckResult.Severity.OK, "containerd answers");
  }

  @Test
  void whatTheTransferServiceUsesIsUsed() throws Exception {
    assertOnly(
        runServed(
            PLUGIN
                + """
                [[plugins."io.containerd.transfer.v1.local".unpack_config]]
                  platform = "linux/amd64"
                  snapshotter = "gatun"
                  differ = "other-name"
                """),
        CheckResult.Severity.OK,
        "containerd answers");
  }

  @Test
  void aDifferThatNothingUsesIsNoted() throws Exception {
    assertOnly(runServed(PLUGIN), CheckResult.Severity.NOTE, "nothing uses the differ other-name");
  }

  @Test
  void anAddressOnWhichNobodyAnswersIsAFault() throws Exception {
    assertOnly(
        run(PLUGIN + USED),
        CheckResult.Severity.FAULT,
        "containerd_address: no answer on " + socket);
  }

  @Test
  void anAddressAndARootThatContainerdDoesNotHaveAreFaults() throws Exception {
    List<CheckResult> diagnoses =
        runServed(
            "root = \"/elsewhere\"\n" + PLUGIN + USED + "[grpc]\n  address = \"/other.sock\"\n");
    assertThat(diagnoses)
        .extracting(CheckResult::severity)
        .containsExactly(CheckResult.Severity.FAULT, CheckResult.Severity.FAULT);
    assertThat(diagnoses)
        .extracting(CheckResult::text)
        .containsExactly(
            "containerd_address is %s, and %s says \"/other.sock\"".formatted(socket, file),
            "containerd_root is %s, and %s says \"/elsewhere\""
                .formatted(directory.resolve("root"), file));
  }

  @Test
  void blobsThatAreNotThereAreNoted() throws Exception {
    Files.delete(blobs);
    assertOnly(
        runServed(PLUGIN + USED), CheckResult.Severity.NOTE, "containerd has to send each blob");
  }
}
