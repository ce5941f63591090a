package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.proto.types.Descriptor;
import io.gatun.server.content.StandInContainerd;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The daemon's memory while it unpacks the maximum number of layers, and prefetches one more. */
@Timeout(600)
final class UnpackingFootprintIT {

  /** Larger than any buffer, for each layer. */
  private static final int LARGE_FILE_MIB = 160;

  private static final int SMALL_FILES = 4_000;
  private static final int ROUNDS = 3;
  private static final long RESIDENT_BYTES_MAX = 300_000_000;
  private static final String BLOBS = "containerd/io.containerd.content.v1.content/blobs/sha256";

  /**
   * The smallest and the largest state of a decompressor; the window is the largest that Gatun
   * accepts.
   */
  private static final List<List<String>> COMPRESSORS =
      List.of(
          List.of("gzip", "-1"),
          List.of("gzip", "-6"),
          List.of("zstd", "-q", "-1", "--zstd=wlog=23"),
          List.of("zstd", "-q", "-3", "--zstd=wlog=23"));

  private static final List<String> COMPRESSOR_AHEAD =
      List.of("zstd", "-q", "-2", "--zstd=wlog=23");

  @TempDir Path directory;

  private Path tar;

  @BeforeEach
  void makeTar() throws IOException {
    Random random = new Random(1);
    Path tree = Files.createDirectory(directory.resolve("tree"));
    byte[] chunk = new byte[1 << 20];
    try (OutputStream large = Files.newOutputStream(tree.resolve("large"))) {
      for (int i = 0; i < LARGE_FILE_MIB; i++) {
        fill(chunk, random);
        large.write(chunk);
      }
    }
    byte[] small = new byte[3_000];
    for (int i = 0; i < SMALL_FILES; i++) {
      fill(small, random);
      Files.write(Files.createDirectories(tree.resolve("d" + i % 100)).resolve("f" + i), small);
    }
    tar = directory.resolve("layer.tar");
    Commands.run("tar", "--create", "--file=" + tar, "--directory=" + tree, ".");
  }

  /** Compresses to half, like programs. */
  private static void fill(byte[] bytes, Random random) {
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i % 2 == 0 ? random.nextInt() : i >> 8);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"directory", "indexed"})
  void fourLargeLayersAtOnceAndOneAheadTakeAtMost300Megabytes(String form) throws Exception {
    Path address = directory.resolve("containerd.sock");
    Path blobs = Files.createDirectories(directory.resolve(BLOBS));
    try (StandInContainerd containerd = new StandInContainerd(address)) {
      List<Descriptor> layers = new ArrayList<>();
      for (int i = 0; i < COMPRESSORS.size(); i++) {
        // For each compressor, one is read from its file, and one is sent.
        layers.add(compress(COMPRESSORS.get(i), i % 2 == 0, containerd, blobs));
      }
      Descriptor ahead = compress(COMPRESSOR_AHEAD, true, containerd, blobs);
      containerd.putManifest(
          "k8s.io", "sha256:manifest", layers.getFirst().getDigest(), ahead.getDigest());
      GatunProcess.Setup setup =
          GatunProcess.Setup.asInstalled(directory)
              .configured(
                  """
                  containerd_address = "%s"
                  containerd_root = "%s"
                  apply_threads = %d
                  layers = "%s"
                  warm_up = true
                  """
                      .formatted(
                          address, directory.resolve("containerd"), COMPRESSORS.size(), form));
      try (GatunProcess daemon = GatunProcess.serve(setup);
          Client client = daemon.client()) {
        for (int round = 0; round < ROUNDS; round++) {
          unpackAll(client, layers, round, () -> containerd.awaitAskedFor(ahead.getDigest()));
          client.unpack(key(round, layers.size()), ahead);
          // Otherwise the layers would be stored already in the next round.
          for (int i = 0; i <= layers.size(); i++) {
            client.remove(key(round, i));
          }
          client.cleanUp();
          System.out.printf(
              "round %d: at most %d MB so far%n", round, daemon.peakResidentBytes() / 1_000_000);
        }
        assertThat(daemon.peakResidentBytes()).isLessThanOrEqualTo(RESIDENT_BYTES_MAX);
      }
    }
  }

  private Descriptor compress(
      List<String> compressor, boolean isFile, StandInContainerd containerd, Path blobs)
      throws IOException {
    Path blob = Files.createTempFile(directory, "layer", ".blob");
    List<String> command = new ArrayList<>(compressor);
    command.addAll(List.of("--stdout", tar.toString()));
    Commands.run("sh", "-c", String.join(" ", command) + " >" + blob);
    String hex = Commands.run("sha256sum", blob.toString()).substring(0, 64);
    long size = Files.size(blob);
    containerd.put("k8s.io", "sha256:" + hex, Files.readAllBytes(blob));
    if (isFile) {
      Files.move(blob, blobs.resolve(hex));
    }
    return Descriptor.newBuilder()
        .setMediaType("application/vnd.oci.image.layer.v1.tar")
        .setDigest("sha256:" + hex)
        .setSize(size)
        .build();
  }

  /** A condition to wait for after the first request, before the others are sent. */
  private interface Begun {
    void await() throws InterruptedException;
  }

  private static void unpackAll(Client client, List<Descriptor> layers, int round, Begun ahead)
      throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(layers.size())) {
      List<Future<?>> unpacked = new ArrayList<>();
      for (int i = 0; i < layers.size(); i++) {
        String key = key(round, i);
        Descriptor layer = layers.get(i);
        unpacked.add(threads.submit(() -> client.unpack(key, layer)));
        ahead.await();
      }
      for (Future<?> each : unpacked) {
        each.get();
      }
    }
  }

  private static String key(int round, int layer) {
    return "k8s.io/%d/extract-%d sha256:layer".formatted(round, layer);
  }
}
