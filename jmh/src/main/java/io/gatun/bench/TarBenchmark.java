package io.gatun.bench;

import io.gatun.snapshot.layer.FileBlob;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.tar.TarReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * What does it cost to parse and validate a tar, by file size? It is in memory, and its content is
 * read and discarded.
 */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class TarBenchmark extends ShortRuns {

  private static final int SIZE_BYTES = 16 << 20;

  /** Includes headers, which are more numerous for small files. */
  private static final int TAR_BYTES_MAX = 24 << 20;

  private static final int PIECE_BYTES = 1 << 20;

  @Param({"4096", "1048576"})
  int fileBytes;

  @Param(TemporaryDirectory.DEFAULT_PARENT)
  String directory;

  private final ByteBuffer tar = ByteBuffer.allocateDirect(TAR_BYTES_MAX);

  @Setup
  public void write() throws IOException {
    try (TemporaryDirectory temporary = TemporaryDirectory.in(directory)) {
      Path layer = SampleLayer.write(temporary.path(), LayerForm.NONE, SIZE_BYTES, fileBytes);
      try (FileBlob file = SampleLayer.open(layer)) {
        while (tar.hasRemaining() && file.read(tar) > 0) {}
      }
    }
    if (!tar.hasRemaining()) {
      throw new IllegalStateException("the tar does not fit");
    }
    tar.flip();
  }

  @Benchmark
  public long read() throws IOException {
    ByteBuffer rest = tar.duplicate();
    LayerReader reader = new LayerReader(new TarReader(() -> piece(rest)));
    long entries = 0;
    for (; reader.next().isPresent(); entries++) {
      while (reader.content().hasRemaining()) {}
    }
    return entries;
  }

  private static ByteBuffer piece(ByteBuffer rest) {
    ByteBuffer piece = rest.slice(rest.position(), Math.min(PIECE_BYTES, rest.remaining()));
    rest.position(rest.position() + piece.limit());
    return piece;
  }
}
