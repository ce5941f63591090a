package io.gatun.snapshot.fsck;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.index.IndexComparison;
import io.gatun.snapshot.layer.index.LayerIndexer;
import io.gatun.snapshot.layer.index.RecordedAttributes;
import io.gatun.snapshot.layerstore.tar.DiskPages;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.RootInspection;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** An index that is rebuilt while its tar is read, to be compared with the existing one. */
final class RemadeIndex implements LayerConsumer, AutoCloseable {

  private final LinuxPath place;
  private final DiskPages there;
  private final RecordedAttributes recorded;
  private final LayerIndexer indexer;
  private @Nullable IOException failure;

  private RemadeIndex(
      LinuxPath place, DiskPages there, RecordedAttributes recorded, LayerIndexer indexer) {
    this.place = place;
    this.there = there;
    this.recorded = recorded;
    this.indexer = indexer;
  }

  /** {@return a consumer for the entries of the tar; empty if the lower layers would be needed} */
  static Optional<RemadeIndex> of(RootInspection root, LinuxPath place) throws IOException {
    DiskPages there = new DiskPages(root.directory(), place);
    Optional<RemadeIndex> made = Optional.empty();
    try {
      Optional<RecordedAttributes> recorded = RecordedAttributes.of(there);
      if (recorded.isPresent()) {
        LayerIndexer indexer = indexer(root, recorded.get());
        made = Optional.of(new RemadeIndex(place, there, recorded.get(), indexer));
      }
      return made;
    } finally {
      if (made.isEmpty()) {
        there.close();
      }
    }
  }

  /** Leaves the root unchanged: the spill file has no name. */
  private static LayerIndexer indexer(RootInspection root, RecordedAttributes recorded)
      throws IOException {
    return new LayerIndexer(
        recorded.form(),
        recorded.top(),
        recorded,
        new Spill(new LinuxDisk(), root.directory()),
        LayerIndexer.RESIDENT_BYTES);
  }

  @Override
  public void entry(LayerEntry entry, LayerContent content) {
    if (failure == null) {
      try {
        indexer.entry(entry, content);
      } catch (IOException e) {
        failed(e);
      }
    }
  }

  /** Records why there will be no more entries. */
  void failed(IOException reason) {
    failure = reason;
  }

  /**
   * {@return the finding about the existing index, if any}
   *
   * @param tarBytes length of the tar, which was read completely and is intact
   */
  Optional<RootFinding> compare(Digest diffId, long tarBytes) {
    if (failure == null) {
      try {
        return told(indexer.compare(there, recorded, diffId, tarBytes));
      } catch (IOException e) {
        failed(e);
      }
    }
    return Optional.of(hashedOnly(place, "it cannot be rebuilt from its tar: " + message()));
  }

  private String message() {
    return String.valueOf(failure == null ? null : failure.getMessage());
  }

  private Optional<RootFinding> told(IndexComparison comparison) {
    if (comparison.difference().isPresent()) {
      return Optional.of(
          new RootFinding.DamagedLayer(
              place.toString(),
              "it matches its name, but differs from the index of its tar, from byte %d on"
                  .formatted(comparison.difference().getAsLong())));
    }
    return comparison.isInheritanceProven()
        ? Optional.empty()
        : Optional.of(
            new RootFinding.Notice(
                place.toString(),
                "it matches its tar, but the owners, modes and times that it inherits could not be"
                    + " compared: it does not record for all directories whether they inherit"));
  }

  LinuxPath place() {
    return place;
  }

  /** {@return the finding about an index without an intact tar} */
  static RootFinding withoutTar(LinuxPath place) {
    return hashedOnly(place, "its tar is damaged or missing");
  }

  private static RootFinding hashedOnly(LinuxPath place, String reason) {
    return new RootFinding.Notice(
        place.toString(), "it was only hashed and not compared with a rebuilt one: " + reason);
  }

  @Override
  public void close() {
    indexer.close();
    there.close();
  }
}
