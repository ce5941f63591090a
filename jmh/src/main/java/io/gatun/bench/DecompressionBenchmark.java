package io.gatun.bench;

import io.gatun.snapshot.layer.FileBlob;
import io.gatun.snapshot.layer.codec.BlobDecoder;
import io.gatun.snapshot.layer.codec.GzipEngine;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What does it cost to decompress a layer, by library? The blob is in the page cache; one thread
 * reads and decompresses it.
 */
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class DecompressionBenchmark extends ShortRuns {

  /** A library and the compression it handles. */
  public enum Library {
    ISAL(LayerForm.GZIP, GzipEngine.ISAL),
    JDK(LayerForm.GZIP, GzipEngine.JDK),
    ZSTD(LayerForm.ZSTD, GzipEngine.JDK);

    private final LayerForm form;
    private final GzipEngine gzipEngine;

    Library(LayerForm form, GzipEngine gzipEngine) {
      this.form = form;
      this.gzipEngine = gzipEngine;
    }
  }

  private static final int CHUNK_BYTES = 1 << 20;
  private static final int FILE_BYTES = 1 << 20;

  @Param Library library;

  @Param("67108864")
  int sizeBytes;

  @Param(TemporaryDirectory.DEFAULT_PARENT)
  String directory;

  private final ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
  private TemporaryDirectory temporary;
  private Path layer;
  private BlobDecoder decoder;

  @Setup
  public void write() throws IOException {
    temporary = TemporaryDirectory.in(directory);
    layer = SampleLayer.write(temporary.path(), library.form, sizeBytes, FILE_BYTES);
    decoder = new BlobDecoder(library.gzipEngine);
  }

  @TearDown
  public void delete() {
    decoder.close();
    temporary.close();
  }

  @Benchmark
  public long decode() throws IOException {
    long bytes = 0;
    try (FileBlob blob = SampleLayer.open(layer)) {
      decoder.start(blob);
      do {
        decoder.decode(chunk.clear());
        bytes += chunk.position();
      } while (!chunk.hasRemaining());
    }
    return bytes;
  }
}
