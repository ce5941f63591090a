package io.gatun.snapshot.layer.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.FileBlob;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.codec.GzipEngine;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class LayerPipelineTest {

  private static final int CHUNK_BYTES = 20_000;
  private static final int CHUNKS_MAX = 4;
  private static final byte[] TAR = SampleLayer.tar(2_000_000, 1);
  private static final byte[] GZIP = Compressed.gzip(TAR);

  private final LayerPipeline pipeline =
      new LayerPipeline(2, 2, CHUNK_BYTES, CHUNKS_MAX, GzipEngine.best());
  private final Cancellation cancellation = new Cancellation();

  @AfterEach
  void nothingIsLeft() {
    assertThat(pipeline.threads().getQueue()).isEmpty();
    assertThat(pipeline.buffers().count()).isLessThanOrEqualTo(1);
    assertThat(pipeline.buffers().idleChunks()).isLessThanOrEqualTo(CHUNKS_MAX);
    pipeline.close();
    assertThat(pipeline.buffers().count()).isZero();
  }

  @Test
  void layerIsTheSameHoweverItIsCompressed() throws IOException {
    List<Collected.Item> expected = Collected.expected(TAR);
    for (byte[] blob : List.of(TAR, GZIP, Compressed.zstd(TAR))) {
      Collected collected = new Collected();
      AppliedLayer applied = pipeline.apply(new BytesBlob(blob), collected, cancellation);
      assertThat(collected.items()).isEqualTo(expected);
      assertThat(applied)
          .isEqualTo(new AppliedLayer(BytesBlob.digestOf(TAR), TAR.length, expected.size(), 0, 0));
    }
  }

  @Test
  void smallLayerNeedsOneChunkAndNoOtherThread() throws IOException {
    byte[] tar = TarBuilder.pax().file("a", 0644, "content").finish();
    Collected collected = new Collected();
    AppliedLayer applied =
        pipeline.apply(new BytesBlob(Compressed.gzip(tar)), collected, cancellation);
    assertThat(collected.items()).isEqualTo(Collected.expected(tar)).hasSize(1);
    assertThat(applied.diffId()).isEqualTo(BytesBlob.digestOf(tar));
    assertThat(pipeline.threads().getLargestPoolSize()).isZero();
    assertThat(pipeline.buffers().idleChunks()).isEqualTo(1);
  }

  @Test
  void blobOfNothingIsLayerOfNothing() throws IOException {
    AppliedLayer applied =
        pipeline.apply(new BytesBlob(new byte[0]), LayerPipelineTest::unexpected, cancellation);
    assertThat(applied).isEqualTo(new AppliedLayer(BytesBlob.digestOf(new byte[0]), 0, 0, 0, 0));
  }

  private static void unexpected(Object entry, LayerContent content) {
    throw new AssertionError("there is nothing to consume: " + entry);
  }

  @Test
  void whatFollowsTheTarCountsForTheDiffId() throws IOException {
    byte[] tar = Arrays.copyOf(TAR, TAR.length + 300_000);
    Arrays.fill(tar, TAR.length, tar.length, (byte) 7);
    Collected collected = new Collected();
    AppliedLayer applied =
        pipeline.apply(new BytesBlob(Compressed.zstd(tar)), collected, cancellation);
    assertThat(applied.diffId()).isEqualTo(BytesBlob.digestOf(tar));
    assertThat(applied.sizeBytes()).isEqualTo(tar.length);
    assertThat(collected.items()).isEqualTo(Collected.expected(TAR));
  }

  @Test
  void consumersMayLeaveContentUnread() throws IOException {
    AtomicInteger entries = new AtomicInteger();
    AppliedLayer applied =
        pipeline.apply(
            new BytesBlob(GZIP),
            (entry, content) -> {
              if (entries.getAndIncrement() % 2 == 0) {
                content.next();
              }
            },
            cancellation);
    assertThat(applied.entries()).isEqualTo(entries.get());
    assertThat(applied.diffId()).isEqualTo(BytesBlob.digestOf(TAR));
  }

  @Test
  void attributesThatWereLeftOutAreCounted() throws IOException {
    byte[] tar =
        TarBuilder.pax()
            .xattr("trusted.overlay.opaque", new byte[] {'y'})
            .xattr("user.overlay.opaque", new byte[] {'y'})
            .xattr("trusted.other", new byte[] {1})
            .directory("a", 0755)
            .finish();
    AppliedLayer applied = pipeline.apply(new BytesBlob(tar), new Collected(), cancellation);
    assertThat(applied.overlayXattrsDropped()).isEqualTo(2);
    assertThat(applied.trustedXattrsDropped()).isEqualTo(1);
  }

  @Test
  void sinkGetsAllThatCountsForTheDiffIdAndItBeforeTheEntriesInIt() throws IOException {
    byte[] tar = Arrays.copyOf(TAR, TAR.length + 300_001);
    Arrays.fill(tar, TAR.length, tar.length, (byte) 7);
    for (byte[] blob : List.of(tar, Compressed.gzip(tar), Compressed.zstd(tar))) {
      ByteArrayOutputStream sink = new ByteArrayOutputStream();
      Collected collected = new Collected();
      AppliedLayer applied =
          pipeline.apply(
              new BytesBlob(blob),
              (entry, content) -> {
                if (entry instanceof LayerEntry.RegularFile file && file.sizeBytes() > 0) {
                  content.next();
                  assertThat(file.contentOffset()).isLessThan(sink.size());
                }
                collected.entry(entry, content);
              },
              part -> write(part, sink),
              cancellation);
      assertThat(sink.toByteArray()).isEqualTo(tar);
      assertThat(applied.diffId()).isEqualTo(BytesBlob.digestOf(tar));
      assertThat(collected.items()).hasSameSizeAs(Collected.expected(TAR));
    }
  }

  private static void write(ByteBuffer part, ByteArrayOutputStream into) {
    assertThat(part.isDirect()).isTrue();
    assertThat(part.isReadOnly()).isTrue();
    byte[] bytes = new byte[part.remaining()];
    part.get(bytes);
    into.writeBytes(bytes);
  }

  @Test
  void failuresOfTheSinkComeThroughWhereverTheyAre() throws IOException {
    for (long at : new long[] {1, TAR.length / 2, TAR.length}) {
      IOException failure = new IOException("no room");
      AtomicLong seen = new AtomicLong();
      BytesBlob blob = new BytesBlob(GZIP);
      assertThatThrownBy(
              () ->
                  pipeline.apply(
                      blob,
                      new Collected(),
                      part -> {
                        if (seen.addAndGet(part.remaining()) >= at) {
                          throw failure;
                        }
                      },
                      cancellation))
          .isInstanceOf(ApplyFailedException.class)
          .hasMessageStartingWith("no room (")
          .cause()
          .isSameAs(failure);
      assertThat(blob.isAbandoned()).isTrue();
      assertNobodyWorks();
    }
  }

  @Test
  void cancellationWhileTheSinkIsAtWorkEndsTheApply() {
    AtomicLong seen = new AtomicLong();
    assertThatThrownBy(
            () ->
                pipeline.apply(
                    new BytesBlob(GZIP),
                    new Collected(),
                    part -> {
                      if (seen.addAndGet(part.remaining()) > TAR.length / 2) {
                        cancellation.cancel();
                      }
                    },
                    cancellation))
        .isInstanceOf(ApplyCancelledException.class);
    assertThat(seen.get()).isLessThan(TAR.length);
    assertNobodyWorks();
  }

  // Failures.

  @Test
  void blobOfAnotherSizeFails() {
    BytesBlob shorter = new BytesBlob(GZIP).saying(OptionalLong.of(GZIP.length + 1));
    assertInvalid(
        shorter, "blob ends after %d of the %d bytes".formatted(GZIP.length, GZIP.length + 1));
    BytesBlob longer = new BytesBlob(GZIP).saying(OptionalLong.of(GZIP.length - 1));
    assertInvalid(longer, "blob continues after the %d bytes".formatted(GZIP.length - 1));
  }

  @Test
  void blobOfAnotherDigestFailsUnlessItIsKnownToBeRight() throws IOException {
    Digest other = BytesBlob.digestOf(new byte[1]);
    assertInvalid(
        new BytesBlob(GZIP).saying(other),
        "layer %s: blob has the wrong digest %s".formatted(other, BytesBlob.digestOf(GZIP)));
    pipeline.apply(new BytesBlob(GZIP).saying(other).verified(), new Collected(), cancellation);
  }

  @Test
  void blobOfUnknownSizeIsRead() throws IOException {
    BytesBlob blob = new BytesBlob(GZIP).saying(OptionalLong.empty());
    assertThat(pipeline.apply(blob, new Collected(), cancellation).sizeBytes())
        .isEqualTo(TAR.length);
  }

  @Test
  void layersThatAreCutShortOrDamagedFailWithTheirOffset() {
    assertInvalid(new BytesBlob(Arrays.copyOf(GZIP, 100_000)), "is truncated, at offset 100000");
    assertInvalid(new BytesBlob(Arrays.copyOf(TAR, 100_001)), "tar is truncated at offset 100001");
    byte[] damaged = GZIP.clone();
    damaged[damaged.length - 5] ^= 1;
    assertInvalid(new BytesBlob(damaged), "gzip member is damaged");
    byte[] wrong =
        TarBuilder.pax().entry('?', new byte[] {'x'}, 0, new byte[0], 0, 0, new byte[0]).finish();
    assertInvalid(new BytesBlob(wrong), "entry \"x\" at offset 0 has a type");
  }

  private void assertInvalid(LayerBlob blob, String message) {
    assertThatThrownBy(() -> pipeline.apply(blob, new Collected(), cancellation))
        .isInstanceOf(InvalidLayerException.class)
        .hasMessageStartingWith("layer " + blob.digest() + ": ")
        .hasMessageContaining(message);
    assertNobodyWorks();
  }

  @Test
  void whatNobodyHereCanReadIsForSomebodyElse() {
    byte[] blob = Compressed.zstdWithWindow(TAR, 24);
    assertThatThrownBy(() -> pipeline.apply(new BytesBlob(blob), new Collected(), cancellation))
        .isInstanceOf(UnsupportedLayerException.class);
  }

  @Test
  void failuresOfTheBlobComeThroughWhereverTheyAre() {
    for (int at : new int[] {0, 1, 5000, GZIP.length / 2, GZIP.length}) {
      BytesBlob blob = new BytesBlob(GZIP).failingAt(at);
      assertThatThrownBy(() -> pipeline.apply(blob, new Collected(), cancellation))
          .isInstanceOf(ApplyFailedException.class)
          .hasMessageStartingWith("cannot read at " + at + " (");
      assertNobodyWorks();
    }
  }

  @Test
  void failuresSayHowFarTheLayerWasRead() {
    byte[] tar =
        TarBuilder.pax().directory("a", 0755).file("a/large", 0644, new byte[4 << 20]).finish();
    // More than is read and decompressed ahead.
    assertFails(
        new BytesBlob(tar).failingAt(4_000_000),
        "cannot read at 4000000 (read as far as entry \"a/large\" at offset 512)");
    assertFails(new BytesBlob(tar).failingAt(0), "cannot read at 0 (at its first entry)");
  }

  private void assertFails(LayerBlob blob, String message) {
    assertThatThrownBy(() -> pipeline.apply(blob, new Collected(), cancellation))
        .isInstanceOf(ApplyFailedException.class)
        .hasMessage(message);
    assertNobodyWorks();
  }

  @Test
  void failuresOfTheConsumerComeThroughWhateverTheyAre() throws IOException {
    int entries = Collected.expected(TAR).size();
    for (Throwable failure :
        List.of(new IOException("a"), new IllegalStateException("b"), new AssertionError("c"))) {
      for (int at : new int[] {1, entries / 2, entries}) {
        AtomicInteger seen = new AtomicInteger();
        BytesBlob blob = new BytesBlob(GZIP);
        ThrowingCallable apply =
            () ->
                pipeline.apply(
                    blob,
                    (entry, content) -> {
                      content.next();
                      if (seen.incrementAndGet() == at) {
                        sneak(failure);
                      }
                    },
                    cancellation);
        if (failure instanceof IOException) {
          assertThatThrownBy(apply).cause().isSameAs(failure);
        } else {
          assertThatThrownBy(apply).isSameAs(failure);
        }
        assertThat(blob.isAbandoned()).isTrue();
        assertNobodyWorks();
      }
    }
    assertThat(pipeline.apply(new BytesBlob(GZIP), new Collected(), cancellation).diffId())
        .isEqualTo(BytesBlob.digestOf(TAR));
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> void sneak(Throwable failure) throws T {
    throw (T) failure;
  }

  @Test
  void consumerThatFailsEndsReadOfSomebodyWhoDoesNotAnswer() {
    BytesBlob blob = new BytesBlob(GZIP).waitingAt(GZIP.length / 2);
    IOException failure = new IOException("no room");
    assertThatThrownBy(
            () ->
                pipeline.apply(
                    blob,
                    (entry, content) -> {
                      throw failure;
                    },
                    cancellation))
        .cause()
        .isSameAs(failure);
    assertNobodyWorks();
  }

  @Test
  void consumerThatHidesFailuresDoesNotHideThem() {
    BytesBlob blob = new BytesBlob(GZIP).failingAt(GZIP.length / 2);
    assertThatThrownBy(
            () ->
                pipeline.apply(
                    blob,
                    (entry, content) -> {
                      try {
                        while (content.next().hasRemaining()) {}
                      } catch (IOException e) {
                        assertThat(e).isNotNull();
                      }
                    },
                    cancellation))
        .hasMessageStartingWith("cannot read at " + GZIP.length / 2);
  }

  @Test
  void slowConsumerHoldsUpTheRest() throws IOException {
    int readBytes = 1000;
    BytesBlob blob = new BytesBlob(TAR, readBytes);
    AtomicInteger entries = new AtomicInteger();
    long[] position = new long[1];
    pipeline.apply(
        blob,
        (entry, content) -> {
          if (entries.incrementAndGet() == 1) {
            position[0] = settled(blob);
          }
        },
        cancellation);
    assertThat(position[0])
        .isPositive()
        .isLessThanOrEqualTo((long) CHUNKS_MAX * CHUNK_BYTES + (long) BlobInput.PIECES * readBytes);
    assertThat(pipeline.buffers().idleChunks()).isEqualTo(CHUNKS_MAX);
  }

  private static long settled(BytesBlob blob) {
    long last = -1;
    while (last != blob.position()) {
      last = blob.position();
      pause(100);
    }
    return last;
  }

  @Test
  void interruptedThreadGoesOnAndStaysInterrupted() throws IOException {
    Thread.currentThread().interrupt();
    try {
      assertThat(pipeline.apply(new BytesBlob(GZIP), new Collected(), cancellation).diffId())
          .isEqualTo(BytesBlob.digestOf(TAR));
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  @Test
  void filesAreReadAndClosed(@TempDir Path directory) throws IOException {
    Path file = Files.write(directory.resolve("blob"), GZIP);
    for (int size : new int[] {GZIP.length, GZIP.length + 1}) {
      try (FileBlob blob =
          FileBlob.open(file, BytesBlob.digestOf(GZIP), OptionalLong.of(size), false)) {
        assertThat(pipeline.apply(blob, new Collected(), cancellation).diffId())
            .isEqualTo(BytesBlob.digestOf(TAR));
        assertThat(size).isEqualTo(GZIP.length);
      } catch (InvalidLayerException e) {
        assertThat(size).isNotEqualTo(GZIP.length);
      }
    }
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      assertThat(open.filter(each -> isLinkTo(each, file))).isEmpty();
    }
  }

  private static boolean isLinkTo(Path link, Path file) {
    try {
      return Files.readSymbolicLink(link).equals(file);
    } catch (IOException e) {
      // Closed since it was listed.
      return false;
    }
  }

  @Test
  void randomDamageNeverMattersToTheNextLayer() throws IOException {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    List<Collected.Item> expected = Collected.expected(TAR);
    for (int i = 0; i < 20; i++) {
      byte[] damaged = GZIP.clone();
      damaged[10 + random.nextInt(damaged.length - 10)] ^= 0x55;
      assertThatThrownBy(
              () -> pipeline.apply(new BytesBlob(damaged), new Collected(), cancellation))
          .as("seed %d", seed)
          .isInstanceOf(InvalidLayerException.class);
      Collected collected = new Collected();
      pipeline.apply(new BytesBlob(GZIP), collected, cancellation);
      assertThat(collected.items()).as("seed %d", seed).isEqualTo(expected);
    }
  }

  private void assertNobodyWorks() {
    // The last step of a task comes after the apply has returned.
    while (pipeline.threads().getActiveCount() > 0) {
      pause(1);
    }
    assertThat(pipeline.buffers().count()).isEqualTo(1);
  }

  static void pause(int millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
