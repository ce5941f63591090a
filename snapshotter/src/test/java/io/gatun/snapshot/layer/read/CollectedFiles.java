package io.gatun.snapshot.layer.read;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.entry.FileSink;
import io.gatun.snapshot.layer.entry.FileSink.OpenedFile;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Records its entries; files may be filled by a thread other than the creator. */
class CollectedFiles implements FileSink {

  private final List<Collected.@Nullable Item> items =
      Collections.synchronizedList(new ArrayList<>());
  private final AtomicInteger made = new AtomicInteger();
  private final AtomicInteger filled = new AtomicInteger();
  private final AtomicInteger closed = new AtomicInteger();
  private volatile @Nullable Thread filler;

  /** The entries of a tar, read by a single thread; only files have content. */
  static List<Collected.Item> expected(byte[] tar) throws IOException {
    return Collected.expected(tar).stream()
        .map(
            item ->
                item.entry() instanceof LayerEntry.RegularFile
                    ? item
                    : withoutContent(item.entry()))
        .toList();
  }

  private static Collected.Item withoutContent(LayerEntry entry) {
    return new Collected.Item(entry, Digest.of(Digest.sha256()));
  }

  /** {@return the items, all of which are filled} */
  List<Collected.Item> items() {
    assertThat(filled).hasValue(made.get());
    assertAllAreClosed();
    return List.copyOf(items);
  }

  void assertAllAreClosed() {
    assertThat(closed).hasValue(made.get());
  }

  /** {@return how many files were created} */
  int made() {
    return made.get();
  }

  int filled() {
    return filled.get();
  }

  /** {@return the thread that has filled the last file} */
  @Nullable Thread filler() {
    return filler;
  }

  @Override
  public @Nullable OpenedFile make(LayerEntry entry) throws IOException {
    if (entry instanceof LayerEntry.HardLink) {
      assertThat(filled).hasValue(made.get());
    }
    if (entry instanceof LayerEntry.RegularFile file) {
      items.add(null);
      made.incrementAndGet();
      return new File(items.size() - 1, file);
    }
    items.add(withoutContent(entry));
    return null;
  }

  /** Runs when a file is about to be filled. */
  void filling(LayerEntry.RegularFile entry) throws IOException {}

  private final class File implements OpenedFile {
    private final int place;
    private final LayerEntry.RegularFile entry;
    private boolean isClosed;

    File(int place, LayerEntry.RegularFile entry) {
      this.place = place;
      this.entry = entry;
    }

    @Override
    public void fill(LayerContent content) throws IOException {
      filler = Thread.currentThread();
      assertThat(isClosed).isFalse();
      assertThat(items.get(place)).isNull();
      filling(entry);
      var sha256 = Digest.sha256();
      for (ByteBuffer part = content.next(); part.hasRemaining(); part = content.next()) {
        assertThat(part.isDirect()).isTrue();
        sha256.update(part);
      }
      items.set(place, new Collected.Item(entry, Digest.of(sha256)));
      filled.incrementAndGet();
    }

    @Override
    public void close() {
      assertThat(isClosed).isFalse();
      isClosed = true;
      closed.incrementAndGet();
    }
  }
}
