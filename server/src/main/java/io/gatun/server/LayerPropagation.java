package io.gatun.server;

import io.gatun.server.config.Configuration;
import io.gatun.server.net.SocketOwner;
import io.gatun.snapshot.mount.MountPropagation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;

/** Whether containerd sees the indexed layers that a daemon mounts, and what to do if not. */
public final class LayerPropagation {

  /** As good a guess as any where containerd is, as long as it is not there. */
  private static final long FIRST_PROCESS = 1;

  private static final String REMEDY =
      "so it does not see indexed layers, and overlays on them are refused: run the daemon in the"
          + " mount namespace of containerd, or have it share the mount of its root with that (rshared;"
          + " mountPropagation: Bidirectional in Kubernetes)";

  private LayerPropagation() {}

  /**
   * {@return why containerd does not see layers that are mounted by a process, and the remedy}
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
      return "does not answer now and may be, as process %d is, in another mount namespace"
          .formatted(FIRST_PROCESS);
    }
    return containerd.getAsLong() == 0
        ? "is in a namespace of processes that is not seen here"
        : "is in another mount namespace (process %d)".formatted(containerd.getAsLong());
  }
}
