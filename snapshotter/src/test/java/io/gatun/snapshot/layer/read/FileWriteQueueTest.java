package io.gatun.snapshot.layer.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.codec.GzipEngine;
import io.gatun.snapshot.layer.entry.FileSink.OpenedFile;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Layers whose files one thread creates and another one fills. */
@Timeout(60)
final class FileWriteQueueTest {

  private static final byte[] TAR = SampleLayer.tar(2_000_000, 1);

  private final LayerPipeline pipeline = new LayerPipeline(1, 0, 20_000, 3, GzipEngine.best());
  private final Cancellation cancellation = new Cancellation();

  @AfterEach
  void nobodyWorks() {
    while (pipeline.threads().getActiveCount() > 0) {
      LayerPipelineTest.pause(1);
    }
    pipeline.close();
    assertThat(pipeline.buffers().count()).isZero();
  }

  @Test
  void filesAreFilledByAnotherThread() throws IOException {
    CollectedFiles files = new CollectedFiles();
    AppliedLayer applied = apply(TAR, files);
    assertThat(files.items()).isEqualTo(CollectedFiles.expected(TAR));
    assertThat(applied.diffId()).isEqualTo(BytesBlob.digestOf(TAR));
    assertThat(files.filler()).isNotSameAs(Thread.currentThread());
  }

  @Test
  void smallLayerNeedsNoOtherThread() throws IOException {
    byte[] tar = TarBuilder.pax().file("a", 0644, "content").file("b", 0644, "").finish();
    CollectedFiles files = new CollectedFiles();
    apply(tar, files);
    assertThat(files.items()).isEqualTo(CollectedFiles.expected(tar));
    assertThat(files.filler()).isSameAs(Thread.currentThread());
  }

  @Test
  void manyFilesWithoutContentAreFilled() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    for (int i = 0; i < 5000; i++) {
      tar.file("file" + i, 0644, "");
    }
    assertSame(tar.finish());
  }

  @Test
  void fileMayBeLongerThanAllChunks() throws IOException {
    assertSame(
        TarBuilder.pax()
            .file("small", 0644, "content")
            .file("large", 0644, new byte[500_000])
            .directory("far/", 0755)
            .file("far/last", 0644, "content")
            .finish());
  }

  @Test
  void layerMayGoOnLongAfterItsLastFile() throws IOException {
    TarBuilder tar = TarBuilder.pax().file("file", 0644, "content");
    for (int i = 0; i < 1000; i++) {
      tar.directory("directory" + i + "/", 0755);
    }
    byte[] layer = tar.finish();
    assertSame(Arrays.copyOf(layer, layer.length + 300_000));
  }

  private void assertSame(byte[] tar) throws IOException {
    CollectedFiles files = new CollectedFiles();
    apply(tar, files);
    assertThat(files.items()).isEqualTo(CollectedFiles.expected(tar));
  }

  @Test
  void makerIsAheadOfSlowFiller() throws IOException {
    CountDownLatch ahead = new CountDownLatch(40);
    CollectedFiles files =
        new CollectedFiles() {
          @Override
          public @Nullable OpenedFile make(LayerEntry entry) throws IOException {
            ahead.countDown();
            return super.make(entry);
          }

          @Override
          void filling(LayerEntry.RegularFile entry) {
            await(ahead);
          }
        };
    TarBuilder tar = TarBuilder.pax();
    for (int i = 0; i < 1000; i++) {
      tar.file("file" + i, 0644, Integer.toString(i));
    }
    byte[] layer = tar.finish();
    apply(layer, files);
    assertThat(files.items()).isEqualTo(CollectedFiles.expected(layer));
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void failureToFillIsThatOfTheApply() throws IOException {
    int count = (int) files(TAR).count();
    for (int at : List.of(1, count / 2, count)) {
      IOException failure = new IOException("no room");
      CollectedFiles files =
          new CollectedFiles() {
            @Override
            void filling(LayerEntry.RegularFile entry) throws IOException {
              if (filled() == at - 1) {
                throw failure;
              }
            }
          };
      BytesBlob blob = new BytesBlob(Compressed.gzip(TAR));
      assertThatThrownBy(() -> pipeline.apply(blob, files, cancellation))
          .hasMessageMatching("no room \\(content at offset [0-9]+\\)")
          .cause()
          .isSameAs(failure);
      assertThat(blob.isAbandoned()).isTrue();
      assertThat(files.filled()).isEqualTo(at - 1);
      files.assertAllAreClosed();
    }
  }

  private static Stream<Collected.Item> files(byte[] tar) throws IOException {
    return Collected.expected(tar).stream()
        .filter(item -> item.entry() instanceof LayerEntry.RegularFile);
  }

  @Test
  void failureToMakeIsThatOfTheApply() throws IOException {
    IOException failure = new IOException("no room");
    int count = (int) files(TAR).count();
    for (int at : List.of(0, count / 2, count - 1)) {
      CollectedFiles files =
          new CollectedFiles() {
            @Override
            public @Nullable OpenedFile make(LayerEntry entry) throws IOException {
              if (made() == at && entry instanceof LayerEntry.RegularFile) {
                throw failure;
              }
              return super.make(entry);
            }
          };
      assertThatThrownBy(() -> apply(TAR, files)).cause().isSameAs(failure);
      files.assertAllAreClosed();
    }
  }

  @Test
  void layerThatEndsInTheMiddleOfAFileIsRefusedByItsReader() throws IOException {
    byte[] tar =
        TarBuilder.pax()
            .file("small", 0644, "content")
            .file("large", 0644, new byte[500_000])
            .finish();
    for (int end : List.of(20_000, 20_001, 300_000, 499_999)) {
      CollectedFiles files = new CollectedFiles();
      assertThatThrownBy(() -> apply(Arrays.copyOf(tar, end), files))
          .isInstanceOf(InvalidLayerException.class)
          .hasMessageContaining("tar is truncated at offset " + end);
      files.assertAllAreClosed();
    }
  }

  @Test
  void cancellationEndsBoth() {
    CollectedFiles files =
        new CollectedFiles() {
          @Override
          void filling(LayerEntry.RegularFile entry) {
            if (filled() == 10) {
              cancellation.cancel();
            }
          }
        };
    assertThatThrownBy(() -> apply(TAR, files)).isInstanceOf(ApplyCancelledException.class);
    files.assertAllAreClosed();
  }

  private AppliedLayer apply(byte[] tar, CollectedFiles files) throws IOException {
    return pipeline.apply(new BytesBlob(Compressed.gzip(tar)), files, cancellation);
  }
}
