package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.proto.types.Descriptor;
import io.gatun.server.StandInContainerd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
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

/**
 * Small blobs with more directories than the daemon's heap could keep in mind, which an image may
 * well have: they take time, and neither the memory of the host nor the daemon.
 */
@Timeout(600)
final class ManyDirectoriesIT {

  private static final int NAMED = 120_000;
  private static final int UNNAMED = 40_000;
  private static final String NAMED_KEY = "k8s.io/1/named";
  private static final String UNNAMED_KEY = "k8s.io/2/unnamed";
  private static final long RESIDENT_BYTES_MAX = 300_000_000;

  // struct posix_header, tar(5).
  private static final int BLOCK_BYTES = 512;
  private static final int CHECKSUM = 148;

  @TempDir Path directory;

  @Test
  void layersOfVeryManyDirectoriesAreUnpackedByASmallDaemon() throws Exception {
    Path address = directory.resolve("containerd.sock");
    try (StandInContainerd containerd = new StandInContainerd(address)) {
      // Of each, whole names are in memory if anything is: these take 12 and 4 MB.
      String filler = "x".repeat(90);
      Descriptor named = put(containerd, NAMED, '5', i -> "d%06d%s/".formatted(i, filler));
      Descriptor unnamed = put(containerd, UNNAMED, '0', i -> "d%06d%s/f".formatted(i, filler));
      GatunProcess.Setup setup =
          GatunProcess.Setup.in(directory)
              .configured(
                  """
                  containerd_address = "%s"
                  containerd_root = "%s"
                  apply_threads = 2
                  """
                      .formatted(address, directory.resolve("containerd")));
      try (GatunProcess daemon = GatunProcess.serve(setup);
          Client client = daemon.client();
          ExecutorService threads = Executors.newFixedThreadPool(2)) {
        List<Future<?>> unpacked =
            List.of(
                threads.submit(() -> client.unpack(NAMED_KEY, named)),
                threads.submit(() -> client.unpack(UNNAMED_KEY, unnamed)));
        for (Future<?> each : unpacked) {
          each.get();
        }
        client.commit("named", NAMED_KEY);
        client.commit("unnamed", UNNAMED_KEY);
        System.out.printf("at most %d MB%n", daemon.peakResidentBytes() / 1_000_000);
        assertThat(daemon.peakResidentBytes()).isLessThanOrEqualTo(RESIDENT_BYTES_MAX);
        assertThat(client.list()).hasSize(2);
      }
    }
  }

  private Descriptor put(
      StandInContainerd containerd, int entries, char type, IntFunction<String> name)
      throws IOException {
    ByteArrayOutputStream blob = new ByteArrayOutputStream();
    try (OutputStream tar = new GZIPOutputStream(blob)) {
      for (int i = 0; i < entries; i++) {
        tar.write(header(name.apply(i), type));
      }
      tar.write(new byte[2 * BLOCK_BYTES]);
    }
    Path file = Files.write(directory.resolve(type + ".blob"), blob.toByteArray());
    String digest = "sha256:" + Commands.run("sha256sum", file.toString()).substring(0, 64);
    containerd.put("k8s.io", digest, blob.toByteArray());
    return Descriptor.newBuilder()
        .setMediaType("application/vnd.oci.image.layer.v1.tar+gzip")
        .setDigest(digest)
        .setSize(blob.size())
        .build();
  }

  private static byte[] header(String name, char type) {
    byte[] header = new byte[BLOCK_BYTES];
    put(header, 0, name);
    put(header, 100, "0000755\0000000000\0000000000\00000000000000\00014000000000\0");
    put(header, CHECKSUM, "        " + type);
    put(header, 257, "ustar\00000");
    int sum = 0;
    for (byte each : header) {
      sum += each;
    }
    put(header, CHECKSUM, "%06o\0 ".formatted(sum));
    return header;
  }

  private static void put(byte[] header, int at, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(bytes, 0, header, at, bytes.length);
  }
}
