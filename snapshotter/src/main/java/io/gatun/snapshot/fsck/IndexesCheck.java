package io.gatun.snapshot.fsck;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.layer.tar.TarSource;
import io.gatun.snapshot.root.RootInspection;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Compares the indexes of a layer with ones that are rebuilt while its tar is read. */
final class IndexesCheck implements AutoCloseable {

  /** Bounds the memory; the tar of a layer with more indexes is read again. */
  static final int AT_ONCE_MAX = 4;

  private final List<RemadeIndex> all = new ArrayList<>();

  /** {@return whether an index can be compared; otherwise the lower layers would be needed} */
  boolean add(RootInspection root, LinuxPath place) throws IOException {
    Optional<RemadeIndex> index = RemadeIndex.of(root, place);
    index.ifPresent(all::add);
    return index.isPresent();
  }

  boolean isFull() {
    return all.size() == AT_ONCE_MAX;
  }

  /** Reads a tar up to the end of its entries, which is not necessarily the end of the file. */
  void read(TarSource tar) throws IOException {
    if (all.isEmpty()) {
      return;
    }
    try {
      LayerReader reader = new LayerReader(new TarReader(tar));
      for (Optional<LayerEntry> next = reader.next(); next.isPresent(); next = reader.next()) {
        for (RemadeIndex index : all) {
          index.entry(next.get(), reader::content);
        }
      }
    } catch (InvalidLayerException e) {
      all.forEach(index -> index.failed(e));
    }
  }

  /** Reports that the tar is not intact, so that nothing could be compared. */
  void giveUp(List<RootFinding> findings) {
    all.forEach(index -> findings.add(RemadeIndex.withoutTar(index.place())));
  }

  /** Reports the results after the tar was found intact. */
  void finish(Digest diffId, long tarBytes, List<RootFinding> findings) {
    for (RemadeIndex index : all) {
      index.compare(diffId, tarBytes).ifPresent(findings::add);
    }
  }

  @Override
  public void close() {
    all.forEach(RemadeIndex::close);
  }
}
