package io.gatun.cli.doctor;

import io.gatun.server.config.Configuration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * containerd's configuration for a given daemon.
 *
 * <p>containerd does not learn these settings over the wire, so both sides must be configured
 * alike.
 */
public final class ContainerdConfiguration {

  /** The generations of containerd's configuration file that know proxy plugins' exports. */
  public enum Generation {
    /** containerd 1.7, {@code version = 2}. */
    V1,
    /** containerd 2, {@code version = 3}. */
    V2
  }

  private ContainerdConfiguration() {}

  /** {@return the sections for {@code /etc/containerd/config.toml}} */
  public static String toml(Configuration gatun, Generation generation) {
    return switch (generation) {
      case V1 ->
          "version = 2\n" + plugin(gatun) + forKubernetes("io.containerd.grpc.v1.cri\".containerd");
      case V2 ->
          "version = 3\n"
              + plugin(gatun)
              + forKubernetes("io.containerd.cri.v1.images\"")
              + (gatun.rebase() ? forParallelUnpacks() : "")
              + forTransfers();
    };
  }

  /** {@return the plugin's capabilities in containerd's configuration} */
  static List<String> capabilities(Configuration gatun) {
    List<String> capabilities = new ArrayList<>();
    if (gatun.rebase()) {
      capabilities.add("rebase");
    }
    if (gatun.remapIds()) {
      capabilities.add("remap-ids");
    }
    return capabilities;
  }

  private static String plugin(Configuration gatun) {
    List<String> capabilities = capabilities(gatun);
    String capabilityLine =
        capabilities.isEmpty()
            ? ""
            : capabilities.stream()
                .map(name -> '"' + name + '"')
                .collect(Collectors.joining(", ", "  capabilities = [", "]\n"));
    return """

        [proxy_plugins.gatun]
          type = "snapshot"
          address = "%s"
        %s  [proxy_plugins.gatun.exports]
            # Lets the kubelet see how full this filesystem is.
            root = "%s"

        # To have layers unpacked by Gatun. As it comes first, no snapshotter can pull while Gatun is stopped.
        [proxy_plugins.gatun-diff]
          type = "diff"
          address = "%s"
        [plugins."io.containerd.service.v1.diff-service"]
          default = ["gatun-diff", "walking"]
        """
        .formatted(gatun.address(), capabilityLine, gatun.root(), gatun.address());
  }

  private static String forKubernetes(String table) {
    return """

        # Kubernetes: use it for pods.
        [plugins."%s]
          snapshotter = "gatun"
        """
        .formatted(table);
  }

  private static String forParallelUnpacks() {
    return """

        # Layers are unpacked in parallel. The default, 1, is one after the other.
        [plugins."io.containerd.transfer.v1.local"]
          max_concurrent_unpacks = 4
        """;
  }

  /**
   * A configured list replaces the default one, so the entry for overlayfs has to be repeated. In
   * an entry without a differ, containerd takes any of the configured differs, and cannot fall back
   * to another one if that is ours.
   */
  private static String forTransfers() {
    String platform =
        switch (System.getProperty("os.arch")) {
          case "aarch64" -> "linux/arm64";
          case String other -> "linux/" + other;
        };
    return """

        # Pulls through the transfer service: without an entry they have no platform to unpack for.
        [[plugins."io.containerd.transfer.v1.local".unpack_config]]
          platform = "%1$s"
          snapshotter = "gatun"
          differ = "gatun-diff"
        [[plugins."io.containerd.transfer.v1.local".unpack_config]]
          platform = "%1$s"
          snapshotter = "overlayfs"
          differ = "walking"
        """
        .formatted(platform);
  }
}
