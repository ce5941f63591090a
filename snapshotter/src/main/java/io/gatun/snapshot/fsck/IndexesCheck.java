package io.gatun.snapshot.fsck;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.LayerEntry;
import io.gatun.snapshot.layer.tar.LayerReader;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.layer.tar.TarSource;
import io.gatun.snapshot.root.RootInspection;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Compares the indexes of a layer with those that its tar gives, which are made while it is read.
 */
final class IndexesCheck implements AutoCloseable {

  /** So that memory is bounded; a layer in more places has its tar read again. */
  static final int AT_ONCE_MAX = 4;

  private final List<RemadeIndex> all = new ArrayList<>();

  /**
   * Has an index compared.
   *
   * @return whether it can be; else the layers below it would be needed
   */
  boolean add(RootInspection root, LinuxPath place) throws IOException {
    Optional<RemadeIndex> index = RemadeIndex.of(root, place);
    index.ifPresent(all::add);
    return index.isPresent();
  }

  boolean isFull() {
    return all.size() == AT_ONCE_MAX;
  }

  /** Reads a tar to the end of its entries, behind which something may follow. */
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

  /** Says that the tar was not found right, so that nothing follows from it. */
  void giveUp(List<RootFinding> findings) {
    all.forEach(index -> findings.add(RemadeIndex.withoutTar(index.place())));
  }

  /** Says what has come of it, of a tar that was found right. */
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
