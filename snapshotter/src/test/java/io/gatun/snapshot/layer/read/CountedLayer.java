package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.tar.TarReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.Optional;

/** A consumer of layers that are too large to be recorded. */
final class CountedLayer implements LayerConsumer {

  private static final int PIECE_BYTES = 100_000;

  /**
   * @param entries number of entries
   * @param bytes of content
   * @param hash of the paths, in order
   */
  record Totals(long entries, long bytes, int hash) {}

  private long entries;
  private long bytes;
  private int hash;

  /** The totals of a tar, read by a single thread. */
  static Totals expected(InputStream tar) throws IOException {
    byte[] piece = new byte[PIECE_BYTES];
    LayerReader reader =
        new LayerReader(
            new TarReader(() -> ByteBuffer.wrap(piece, 0, tar.readNBytes(piece, 0, piece.length))));
    CountedLayer all = new CountedLayer();
    for (Optional<LayerEntry> entry = reader.next(); entry.isPresent(); entry = reader.next()) {
      all.entry(entry.get(), reader::content);
    }
    return all.totals();
  }

  Totals totals() {
    return new Totals(entries, bytes, hash);
  }

  @Override
  public void entry(LayerEntry entry, LayerContent content) throws IOException {
    entries++;
    hash = Objects.hash(hash, entry.path());
    for (ByteBuffer part = content.next(); part.hasRemaining(); part = content.next()) {
      bytes += part.remaining();
    }
  }
}
