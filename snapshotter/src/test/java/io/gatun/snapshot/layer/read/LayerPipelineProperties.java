package io.gatun.snapshot.layer.read;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.codec.GzipEngine;
import java.io.IOException;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

final class LayerPipelineProperties {

  enum Form {
    NONE,
    GZIP,
    ZSTD;

    byte[] compress(byte[] content) {
      return switch (this) {
        case NONE -> content;
        case GZIP -> Compressed.gzip(content);
        case ZSTD -> Compressed.zstd(content);
      };
    }
  }

  @Property(tries = 150)
  void layerIsTheSameHoweverItIsCut(
      @ForAll Form form,
      @ForAll @IntRange(min = 0, max = 400_000) int tarBytes,
      @ForAll @IntRange(min = 0, max = 5000) int trailingBytes,
      @ForAll @IntRange(min = 500, max = 200_000) int chunkBytes,
      @ForAll @IntRange(min = 2, max = 5) int chunksMax,
      @ForAll @IntRange(min = 1, max = 100_000) int pieceBytes)
      throws IOException {
    byte[] layer = SampleLayer.tar(tarBytes, tarBytes);
    layer = Arrays.copyOf(layer, layer.length + trailingBytes);
    byte[] compressed = form.compress(layer);
    int readBytes = Math.max(pieceBytes, chunkBytes / 100);
    Collected collected = new Collected();
    CollectedFiles files = new CollectedFiles();
    try (LayerPipeline pipeline =
        new LayerPipeline(1, 0, chunkBytes, chunksMax, GzipEngine.best())) {
      AppliedLayer applied =
          pipeline.apply(new BytesBlob(compressed, readBytes), collected, new Cancellation());
      assertThat(applied.diffId()).isEqualTo(BytesBlob.digestOf(layer));
      assertThat(applied.sizeBytes()).isEqualTo(layer.length);
      assertThat(pipeline.apply(new BytesBlob(compressed, readBytes), files, new Cancellation()))
          .isEqualTo(applied);
      assertThat(pipeline.buffers().idleChunks()).isLessThanOrEqualTo(chunksMax);
    }
    assertThat(collected.items()).isEqualTo(Collected.expected(layer));
    assertThat(files.items()).isEqualTo(CollectedFiles.expected(layer));
  }
}
