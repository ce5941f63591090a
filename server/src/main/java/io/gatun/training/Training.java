package io.gatun.training;

import io.gatun.proto.types.Descriptor;
import io.gatun.server.Configuration;
import io.gatun.server.ConfigurationFile;
import io.gatun.server.Daemon;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Puts a daemon through what daemons do. */
public final class Training {

  private final TrainingAmount amount;

  /**
   * @param amount how much is done
   */
  public Training(TrainingAmount amount) {
    this.amount = amount;
  }

  /**
   * Does it, in a temporary directory that is gone afterwards.
   *
   * @throws io.gatun.server.StartException if no daemon can be started on this machine
   * @throws IOException if the directory cannot be made, filled or deleted
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
          unpack(client, content);
        });
    // As tars, if they can be kept like that here.
    run(Files.createDirectory(directory.resolve("auto")), "auto", this::unpack);
  }

  /** What is asked of a daemon. */
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
    }
  }

  private void unpack(TrainingClient client, TrainingContent content) throws IOException {
    Deque<String> image = new ArrayDeque<>();
    for (int layer = 0; layer < amount.layers(); layer++) {
      Descriptor blob = content.addLayer(layer, amount.filesPerLayer());
      image.push(client.unpack(layer, blob, Objects.requireNonNullElse(image.peek(), "")));
    }
    image.forEach(client::remove);
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

  private static void delete(Path directory) throws IOException {
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path each, @Nullable IOException failure)
              throws IOException {
            if (failure != null) {
              throw failure;
            }
            Files.delete(each);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
