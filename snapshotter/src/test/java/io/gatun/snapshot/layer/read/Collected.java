package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.fixture.Pieces;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.tar.TarReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A consumer that records its entries, and the expected ones. */
final class Collected implements LayerConsumer {

  /** An entry, and the digest of its content. */
  record Item(LayerEntry entry, Digest content) {}

  private final List<Item> items = new ArrayList<>();

  /** The entries of a tar, read by a single thread. */
  static List<Item> expected(byte[] tar) throws IOException {
    LayerReader reader = new LayerReader(new TarReader(new Pieces(tar, 100_000)));
    Collected all = new Collected();
    for (Optional<LayerEntry> entry = reader.next(); entry.isPresent(); entry = reader.next()) {
      all.entry(entry.get(), reader::content);
    }
    return all.items;
  }

  List<Item> items() {
    return items;
  }

  @Override
  public void entry(LayerEntry entry, LayerContent content) throws IOException {
    var sha256 = Digest.sha256();
    for (ByteBuffer part = content.next(); part.hasRemaining(); part = content.next()) {
      sha256.update(part);
    }
    items.add(new Item(entry, Digest.of(sha256)));
  }
}
