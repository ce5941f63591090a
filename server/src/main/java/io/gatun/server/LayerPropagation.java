package io.gatun.server;

import io.gatun.server.config.Configuration;
import io.gatun.server.net.SocketOwner;
import io.gatun.snapshot.mount.MountPropagation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;

/** Checks whether containerd sees the indexed layers that a daemon mounts, and names the remedy. */
public final class LayerPropagation {

  /** The default when containerd is not running. */
  private static final long FIRST_PROCESS = 1;

  private static final String REMEDY =
      "so it does not see indexed layers, and overlays on them fail: run the daemon in containerd's mount"
          + " namespace, or share the mount of its root with containerd (rshared;"
          + " mountPropagation: Bidirectional in Kubernetes)";

  private LayerPropagation() {}

  /**
   * {@return why containerd does not see layers that a process mounts, and the remedy}
   *
   * @param daemon the process that mounts layers
   */
  public static Optional<String> obstacle(Configuration configuration, long daemon)
      throws IOException {
    Path root = configuration.root();
    if (!Files.isDirectory(root)) {
      return Optional.empty();
    }
    OptionalLong containerd = SocketOwner.pid(configuration.containerdAddress());
    return MountPropagation.obstacle(root.toRealPath(), daemon, containerd.orElse(FIRST_PROCESS))
        .map(reason -> "%s; containerd %s, %s".formatted(reason, where(containerd), REMEDY));
  }

  private static String where(OptionalLong containerd) {
    if (containerd.isEmpty()) {
      return "does not answer and may be, as process %d is, in another mount namespace"
          .formatted(FIRST_PROCESS);
    }
    return containerd.getAsLong() == 0
        ? "is in a PID namespace that is not visible here"
        : "is in another mount namespace (process %d)".formatted(containerd.getAsLong());
  }
}
