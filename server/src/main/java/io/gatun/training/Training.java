package io.gatun.training;

import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.proto.types.Descriptor;
import io.gatun.server.Daemon;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.ConfigurationFile;
import io.gatun.training.TrainingClient.Unpacked;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Exercises a daemon with a typical workload. */
public final class Training {

  /**
   * The size of the workload.
   *
   * @param clients the number of concurrent clients
   * @param livesPerClient the number of snapshots that each client prepares, commits and removes
   * @param layers the number of layers that are unpacked on one another, in each form; indexed
   *     layers are also unpacked on two other bases
   * @param filesPerLayer the number of files in each layer
   */
  public record Amount(int clients, int livesPerClient, int layers, int filesPerLayer) {

    /**
     * Enough for the optimising compiler to compile the important methods, after some 10,000 calls;
     * takes some fifteen seconds.
     */
    public static final Amount ENOUGH = new Amount(8, 500, 12, 2_000);
  }

  private final Amount amount;

  public Training(Amount amount) {
    this.amount = amount;
  }

  /**
   * Runs in a temporary directory, which it deletes.
   *
   * @throws io.gatun.server.config.StartException if no daemon can start on this machine
   * @throws IOException if the directory cannot be created, filled or deleted
   */
  public void run() throws IOException {
    Path directory = Files.createTempDirectory("gatun-training");
    try {
      run(directory);
    } finally {
      delete(directory);
    }
  }

  private void run(Path directory) throws IOException {
    run(
        Files.createDirectory(directory.resolve("directory")),
        "directory",
        (client, content) -> {
          client.live(amount.clients(), amount.livesPerClient());
          remove(client, unpack(client, content));
        });
    // As indexed layers, if this machine supports them.
    run(Files.createDirectory(directory.resolve("auto")), "auto", this::unpackOnThreeBases);
  }

  /** The work of a client. */
  private interface Work {
    void run(TrainingClient client, TrainingContent content) throws IOException;
  }

  private static void run(Path directory, String layers, Work work) throws IOException {
    Configuration configuration = configuration(directory, layers);
    try (TrainingContent content =
            new TrainingContent(configuration.containerdAddress(), configuration.containerdRoot());
        var _ = Daemon.start(configuration);
        TrainingClient client = new TrainingClient(configuration.address())) {
      work.run(client, content);
      client.cleanUp();
    }
  }

  private Deque<Unpacked> unpack(TrainingClient client, TrainingContent content)
      throws IOException {
    List<Descriptor> blobs = new ArrayList<>();
    for (int layer = 0; layer < amount.layers(); layer++) {
      blobs.add(content.addLayer(layer, amount.filesPerLayer()));
    }
    // Lets the daemon unpack each layer ahead, while the one before it is requested.
    content.addImage(blobs);
    Deque<Unpacked> image = new ArrayDeque<>();
    blobs.forEach(blob -> image.push(client.unpack(blob, Optional.ofNullable(image.peek()))));
    return image;
  }

  /**
   * Unpacks two images that share all layers of the first but its base. The chain ids of the second
   * are announced to the daemon, those of the first are not.
   */
  private void unpackOnThreeBases(TrainingClient client, TrainingContent content)
      throws IOException {
    Deque<Unpacked> image = unpack(client, content);
    Deque<Unpacked> untold = unpackBase(client, content, amount.layers());
    Deque<Unpacked> told = unpackBase(client, content, amount.layers() + 1);
    image.reversed().stream()
        .skip(1)
        .forEach(
            layer -> {
              untold.push(client.unpack(layer.blob(), Optional.of(untold.element())));
              told.push(client.want(layer, told.element()));
            });
    remove(client, told);
    remove(client, untold);
    remove(client, image);
  }

  private Deque<Unpacked> unpackBase(TrainingClient client, TrainingContent content, int number)
      throws IOException {
    Descriptor blob = content.addLayer(number, amount.filesPerLayer());
    return new ArrayDeque<>(List.of(client.unpack(blob, Optional.empty())));
  }

  private static void remove(TrainingClient client, Deque<Unpacked> image) {
    image.forEach(layer -> client.remove(layer.name()));
  }

  private static Configuration configuration(Path directory, String layers) throws IOException {
    Path file = directory.resolve("gatun.toml");
    Files.writeString(
        file,
        """
        root = "%1$s/root"
        address = "%1$s/gatun.sock"
        containerd_address = "%1$s/containerd.sock"
        containerd_root = "%1$s/containerd"
        layers = "%2$s"
        log_level = "warn"
        """
            .formatted(directory, layers));
    return ConfigurationFile.read(file);
  }

  /** Unmounts first, since layers stay mounted after a failure. */
  private static void delete(Path directory) throws IOException {
    for (MountEntry mount : MountTable.read()) {
      if (Path.of(mount.mountPoint().toString()).startsWith(directory)) {
        Mounts.umount2(mount.mountPoint(), UnmountFlag.DETACH, UnmountFlag.NO_FOLLOW);
      }
    }
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
