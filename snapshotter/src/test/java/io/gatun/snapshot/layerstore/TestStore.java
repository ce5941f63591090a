package io.gatun.snapshot.layerstore;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.lower.LowerTreeAttributes;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.FileProtection;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;

/** A root with its layer store, and helpers to fill it. */
public final class TestStore implements AutoCloseable {

  private final IndexedWriter indexed;
  private final Path path;
  private final Root root;
  private final LayerStore store;
  private final LayerPipeline pipeline = new LayerPipeline(2, 0);

  public TestStore(Disk disk, Path path) throws IOException, UnusableRootException {
    this(disk, path, false);
  }

  public TestStore(Disk disk, Path path, boolean areNamesSynced)
      throws IOException, UnusableRootException {
    this(disk, path, areNamesSynced, FileProtection.NONE);
  }

  public TestStore(Disk disk, Path path, boolean areNamesSynced, FileProtection protection)
      throws IOException, UnusableRootException {
    this.indexed = new IndexedWriter(disk, pipeline, new TarWriteMode(true, false));
    this.path = path;
    this.root = Root.open(disk, path);
    boolean isOpen = false;
    try {
      this.store = LayerStore.open(disk, root, SyncWatch.alone(), areNamesSynced, protection);
      isOpen = true;
    } finally {
      if (!isOpen) {
        close();
      }
    }
  }

  LayerStore store() {
    return store;
  }

  Root root() {
    return root;
  }

  /** Applies a layer without lower layers, durably, and publishes it if it has an index. */
  public IndexedWriter.Result keep(byte[] blob) throws IOException {
    return keep(blob, true);
  }

  public IndexedWriter.Result keep(byte[] blob, boolean isDurable) throws IOException {
    return keep(new BytesBlob(blob), IndexForm.BASE, new LowerTreeAttributes(List.of()), isDurable);
  }

  public IndexedWriter.Result keep(LayerBlob blob, IndexForm form, LowerTreeAttributes below)
      throws IOException {
    return keep(blob, form, below, true);
  }

  private IndexedWriter.Result keep(
      LayerBlob blob, IndexForm form, LowerTreeAttributes below, boolean isDurable)
      throws IOException {
    try (LayerIngest ingest = store.ingest()) {
      IndexedWriter.Result result = apply(blob, ingest, form, below.ofTop(), below);
      if (result instanceof IndexedWriter.Result.Indexed indexed) {
        store.publish(ingest, indexed, blob.digest(), isDurable).close();
      }
      return result;
    }
  }

  /** {@return the index of an indexed layer on others from which it inherits nothing} */
  Digest addIndex(Digest diffId, boolean isDurable) throws IOException {
    try (LayerStore.LayerRef ref = store.acquire(diffId)) {
      return store
          .reindex(
              ref,
              IndexForm.OVERLAY,
              InheritedAttributes.ofTop(),
              LowerAttributes.NOTHING,
              isDurable,
              new Cancellation())
          .digest();
    }
  }

  IndexedWriter.Result apply(byte[] blob, LayerIngest ingest) throws IOException {
    return apply(
        new BytesBlob(blob),
        ingest,
        IndexForm.BASE,
        InheritedAttributes.ofTop(),
        LowerAttributes.NOTHING);
  }

  IndexedWriter.Result apply(
      LayerBlob blob,
      LayerIngest ingest,
      IndexForm form,
      InheritedAttributes top,
      LowerAttributes lowerAttributes)
      throws IOException {
    return apply(blob, ingest, form, top, lowerAttributes, new Cancellation());
  }

  IndexedWriter.Result apply(
      LayerBlob blob,
      LayerIngest ingest,
      IndexForm form,
      InheritedAttributes top,
      LowerAttributes lowerAttributes,
      Cancellation cancellation)
      throws IOException {
    return indexed.write(blob, ingest, form, top, lowerAttributes, cancellation);
  }

  IndexedWriter indexed() {
    return indexed;
  }

  Path layers() {
    return path.resolve("layers");
  }

  Path layer(Digest diffId) {
    return layers().resolve(diffId.hex());
  }

  public Path tar(Digest diffId) {
    return layer(diffId).resolve("tar");
  }

  Path index(Digest diffId, Digest index) {
    return layer(diffId).resolve("index-" + index.hex());
  }

  /** {@return all names below a directory, sorted; empty if it does not exist} */
  static List<String> names(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return List.of();
    }
    try (Stream<Path> all = Files.walk(directory)) {
      return List.copyOf(
          new TreeSet<>(
              all.filter(each -> !each.equals(directory))
                  .map(each -> directory.relativize(each).toString())
                  .toList()));
    }
  }

  @Override
  public void close() {
    pipeline.close();
    root.close();
  }
}
