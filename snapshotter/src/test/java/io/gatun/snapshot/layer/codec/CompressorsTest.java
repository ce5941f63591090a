package io.gatun.snapshot.layer.codec;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.fixture.Compressed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The output of the compressors that image tools use; scripts/setup installs them. */
class CompressorsTest {

  private static final int CONTENT_BYTES = 1_000_000;

  private static byte[] content = new byte[0];

  @TempDir private Path directory;

  /** Content with near and far matches, and incompressible parts. */
  @BeforeAll
  static void makeContent() {
    Random random = new Random(7);
    content = new byte[CONTENT_BYTES];
    for (int at = 0; at < content.length; ) {
      int length = Math.min(1 + random.nextInt(2000), content.length - at);
      if (at > length && random.nextBoolean()) {
        System.arraycopy(content, random.nextInt(at - length), content, at, length);
      } else {
        byte[] fresh = new byte[length];
        random.nextBytes(fresh);
        System.arraycopy(fresh, 0, content, at, length);
      }
      at += length;
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gzip -1",
        "gzip -9",
        "gzip --name",
        "gzip --rsyncable",
        "pigz -6",
        "pigz --independent --blocksize 128",
        "zstd -1",
        "zstd -3 --no-check",
        "zstd -19",
        "zstd -5 --long=23 --stream-size=1000000",
        "zstd -T2 -B256K --rsyncable",
        "zstd --ultra -22"
      })
  void whatTheyWriteComesOut(String command) throws Exception {
    Path file = Files.write(directory.resolve("layer.tar"), content);
    byte[] blob = run(command, file);
    assertThat(blob.length).isLessThan(content.length);
    for (GzipEngine engine : GzipEngine.values()) {
      assertThat(Decoded.of(blob, engine)).isEqualTo(content);
    }
    // Some tools concatenate compressed parts.
    assertThat(Decoded.of(Compressed.joined(blob, blob), GzipEngine.best()))
        .isEqualTo(Compressed.joined(content, content));
  }

  private byte[] run(String command, Path file) throws IOException, InterruptedException {
    Path output = directory.resolve("blob");
    Path errors = directory.resolve("errors");
    Process process =
        new ProcessBuilder((command + " -c -k " + file).split(" "))
            .redirectOutput(output.toFile())
            .redirectError(errors.toFile())
            .start();
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(errors)).isZero();
    return Files.readAllBytes(output);
  }
}
