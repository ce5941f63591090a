package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A daemon in a mount namespace of its own, with a containerd in the test's namespace; a listening
 * socket is enough as containerd.
 */
@Timeout(120)
final class LayerPropagationIT {

  private static final String OUT_OF_REACH = "layers out of reach";
  private static final String SELF = "process " + ProcessHandle.current().pid();

  @TempDir Path directory;

  private Path socket;
  private ServerSocketChannel containerd;

  @BeforeEach
  void listen() throws IOException {
    socket = directory.resolve("containerd.sock");
    containerd = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    containerd.bind(UnixDomainSocketAddress.of(socket));
    // The daemon's own namespace has the directory on a shared mount.
    Commands.run("mount", "--bind", directory.toString(), directory.toString());
    Commands.run("mount", "--make-shared", directory.toString());
  }

  @AfterEach
  void close() throws IOException {
    Commands.run("umount", "--lazy", directory.toString());
    containerd.close();
  }

  private Path configuration() {
    return directory.resolve("gatun.toml");
  }

  private GatunProcess.Setup setup(String layers) throws IOException {
    Files.writeString(
        configuration(),
        """
        root = "%s"
        address = "%s"
        containerd_address = "%s"
        layers = "%s"
        """
            .formatted(directory.resolve("root"), directory.resolve("s.sock"), socket, layers));
    return GatunProcess.Setup.in(directory).with("--config", configuration().toString());
  }

  private String doctor() {
    return Commands.attempt(
            GatunProcess.PROGRAM.toString(), "doctor", "--config", configuration().toString())
        .output();
  }

  private static void assertOrderlyEnd(GatunProcess daemon) {
    daemon.signal("TERM");
    assertThat(daemon.awaitEnd()).isZero();
  }

  @Test
  void daemonWhoseMountsDoNotReachContainerdSaysSo() throws Exception {
    try (GatunProcess daemon = GatunProcess.serve(setup("indexed"))) {
      GatunProcess.await(() -> daemon.log().contains(OUT_OF_REACH));
      assertThat(daemon.log().lines())
          .anySatisfy(
              line ->
                  assertThat(line)
                      .contains("WARN", OUT_OF_REACH, SELF, directory.toString(), "rshared"));
      assertThat(doctor().lines())
          .anySatisfy(line -> assertThat(line).contains("FAULT", SELF, "rshared"));
    }
  }

  @Test
  void daemonThatSharesItsMountsSaysNothing() throws Exception {
    try (GatunProcess daemon =
        GatunProcess.serve(
            setup("indexed")
                .under(
                    "nsenter",
                    "--mount=/proc/%d/ns/mnt".formatted(ProcessHandle.current().pid()),
                    "unshare",
                    "--mount",
                    "--propagation",
                    "unchanged"))) {
      assertThat(doctor()).doesNotContain("rshared");
      assertOrderlyEnd(daemon);
      assertThat(daemon.log()).doesNotContain(OUT_OF_REACH);
    }
  }

  @Test
  void daemonThatMountsNothingSaysNothing() throws Exception {
    try (GatunProcess daemon = GatunProcess.serve(setup("directory"))) {
      assertOrderlyEnd(daemon);
      assertThat(daemon.log()).doesNotContain(OUT_OF_REACH);
    }
  }
}
