package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The daemon never uses the network, and looks up no name. Chronicle Map would send usage reports
 * by default.
 *
 * <p>When a socket is first opened, the JDK and netty check for IPv4, IPv6 and a loopback interface
 * with internet sockets that they never connect.
 */
@Timeout(180)
final class NetworkIT {

  /** On a port that the kernel selects, and closed at once. */
  private static final Pattern LOOPBACK_BIND =
      Pattern.compile(" bind\\(.*htons\\(0\\).*(\"::1\"|\"127\\.0\\.0\\.1\")");

  @TempDir Path directory;

  @Test
  void nothingIsConnectedSentOrLookedUpFromStartToStop() throws Exception {
    Path trace = directory.resolve("trace");
    GatunProcess.Setup setup =
        GatunProcess.Setup.in(directory)
            .under("strace", "-f", "-qq", "-e", "trace=network", "-o", trace.toString());
    try (GatunProcess daemon = GatunProcess.serve(setup);
        Client client = daemon.client()) {
      client.prepare("a", "");
      client.commit("base", "a");
      client.prepare("b", "base");
      client.list();
      client.remove("b");
      daemon.signal("TERM");
      assertThat(daemon.awaitEnd()).isZero();
    }

    List<String> calls = Files.readAllLines(trace);
    // The trace covers the daemon's system calls.
    assertThat(calls).anyMatch(call -> call.contains(directory + "/"));
    assertThat(calls.stream().filter(call -> call.contains("AF_INET")))
        .as("more than a check of this host")
        .allMatch(call -> call.contains(" socket(") || LOOPBACK_BIND.matcher(call).find());
    assertThat(calls).as("look-ups").noneMatch(call -> call.contains("htons(53)"));
    assertThat(calls.stream().filter(call -> call.contains(" connect(")))
        .as("connections")
        .allMatch(call -> call.contains("sa_family=AF_UNIX"));
  }
}
