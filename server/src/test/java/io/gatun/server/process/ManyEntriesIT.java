package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.proto.types.Descriptor;
import io.gatun.server.content.StandInContainerd;
import java.io.IOException;
import java.io.OutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Small blobs with more directories or files than fit into the daemon's heap, as in real images:
 * they take time, but neither the host's memory nor the daemon's life.
 */
@Timeout(600)
final class ManyEntriesIT {

  private static final int NAMED = 120_000;
  private static final int IMPLICIT = 40_000;
  private static final String NAMED_KEY = "k8s.io/1/extract-1-a sha256:named";
  private static final String IMPLICIT_KEY = "k8s.io/2/extract-2-b sha256:unnamed";

  private static final int FULL_DIRECTORIES = 50_000;
  private static final int ENTRIES_EACH = 100;
  private static final int ENTRIES = FULL_DIRECTORIES * ENTRIES_EACH;

  private static final long RESIDENT_BYTES_MAX = 300_000_000;

  // struct posix_header, tar(5).
  private static final int BLOCK_BYTES = 512;
  private static final int CHECKSUM = 148;
  private static final int CHECKSUM_DIGITS = 6;

  private static final int BUFFER_BYTES = 64 << 10;

  @TempDir Path directory;

  private GatunProcess.Setup setup(Path containerd, String layers) {
    return GatunProcess.Setup.in(directory)
        .configured(
            """
            containerd_address = "%s"
            containerd_root = "%s"
            apply_threads = 2
            layers = "%s"
            """
                .formatted(containerd, directory.resolve("containerd"), layers));
  }

  private static void assertSmall(GatunProcess daemon) {
    System.out.printf("at most %d MB%n", daemon.peakResidentBytes() / 1_000_000);
    assertThat(daemon.peakResidentBytes()).isLessThanOrEqualTo(RESIDENT_BYTES_MAX);
  }

  @ParameterizedTest
  @ValueSource(strings = {"directory", "indexed"})
  void layersOfVeryManyDirectoriesAreUnpackedByASmallDaemon(String layers) throws Exception {
    Path address = directory.resolve("containerd.sock");
    try (StandInContainerd containerd = new StandInContainerd(address)) {
      // Names would be kept as a whole, if at all: these take 12 and 4 MB.
      String filler = "x".repeat(90);
      Descriptor named = put(containerd, NAMED, i -> "d%06d%s/".formatted(i, filler));
      Descriptor implicit = put(containerd, IMPLICIT, i -> "d%06d%s/f".formatted(i, filler));
      try (GatunProcess daemon = GatunProcess.serve(setup(address, layers));
          Client client = daemon.client();
          ExecutorService threads = Executors.newFixedThreadPool(2)) {
        List<Future<?>> unpacked =
            List.of(
                threads.submit(() -> client.unpack(NAMED_KEY, named)),
                threads.submit(() -> client.unpack(IMPLICIT_KEY, implicit)));
        for (Future<?> each : unpacked) {
          each.get();
        }
        client.commit("named", NAMED_KEY);
        client.commit("unnamed", IMPLICIT_KEY);
        assertSmall(daemon);
        assertThat(client.list()).hasSize(2);
        Path kept = directory.resolve("root/layers");
        assertThat(Files.isDirectory(kept) ? kept.toFile().list().length : 0)
            .isEqualTo(layers.equals("indexed") ? 2 : 0);
      }
    }
  }

  @Test
  void aLayerOfFiveMillionEntriesIsIndexedByASmallDaemon() throws Exception {
    Path address = directory.resolve("containerd.sock");
    try (StandInContainerd containerd = new StandInContainerd(address)) {
      Descriptor layer =
          put(
              containerd,
              ENTRIES,
              i ->
                  i % ENTRIES_EACH == 0
                      ? "d%05d/".formatted(i / ENTRIES_EACH)
                      : "d%05d/f%02d".formatted(i / ENTRIES_EACH, i % ENTRIES_EACH));
      try (GatunProcess daemon = GatunProcess.serve(setup(address, "indexed"));
          Client client = daemon.client()) {
        client.unpack(NAMED_KEY, layer);
        client.commit("many", NAMED_KEY);
        assertSmall(daemon);

        Path shown = daemon.seen(Path.of(client.view("k8s.io/3/view", "many").getSource()));
        // The roots of the filesystem and of the layer have inodes as well.
        assertThat(inodes(shown)).isEqualTo(ENTRIES + 2);
        assertThat(shown.toFile().list()).hasSize(FULL_DIRECTORIES);
        assertThat(shown.resolve("d%05d".formatted(FULL_DIRECTORIES - 1)).toFile().list())
            .hasSize(ENTRIES_EACH - 1);
        assertSmall(daemon);
      }
    }
  }

  /** {@return the number of used inodes of a filesystem: statfs(2)} */
  private static long inodes(Path file) {
    String[] all =
        Commands.run("stat", "--file-system", "--format=%c %d", file.toString())
            .strip()
            .split(" ", -1);
    // Free inodes count down from 2^64 - 1, some of which stat(1) prints as negative.
    return new BigInteger(all[0]).subtract(new BigInteger(all[1])).longValue();
  }

  /** A layer of entries without content; a name that ends with a slash is a directory's. */
  private Descriptor put(StandInContainerd containerd, int entries, IntFunction<String> name)
      throws IOException {
    Path blob = Files.createTempFile(directory, "layer", ".blob");
    try (OutputStream tar = new GZIPOutputStream(Files.newOutputStream(blob), BUFFER_BYTES)) {
      for (int i = 0; i < entries; i++) {
        tar.write(header(name.apply(i)));
      }
      tar.write(new byte[2 * BLOCK_BYTES]);
    }
    String digest = "sha256:" + Commands.run("sha256sum", blob.toString()).substring(0, 64);
    containerd.put("k8s.io", digest, Files.readAllBytes(blob));
    return Descriptor.newBuilder()
        .setMediaType("application/vnd.oci.image.layer.v1.tar+gzip")
        .setDigest(digest)
        .setSize(Files.size(blob))
        .build();
  }

  private static byte[] header(String name) {
    byte[] header = new byte[BLOCK_BYTES];
    put(header, 0, name);
    put(header, 100, "0000755\0000000000\0000000000\00000000000000\00014000000000\0");
    put(header, CHECKSUM, "        " + (name.endsWith("/") ? '5' : '0'));
    put(header, 257, "ustar\00000");
    int sum = 0;
    for (byte each : header) {
      sum += each;
    }
    for (int i = 0; i < CHECKSUM_DIGITS; i++) {
      header[CHECKSUM + i] = (byte) ('0' + ((sum >> (3 * (CHECKSUM_DIGITS - 1 - i))) & 7));
    }
    header[CHECKSUM + CHECKSUM_DIGITS] = 0;
    return header;
  }

  private static void put(byte[] header, int at, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(bytes, 0, header, at, bytes.length);
  }
}
