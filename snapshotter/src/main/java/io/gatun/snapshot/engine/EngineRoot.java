package io.gatun.snapshot.engine;

import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.concurrent.Closer;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.driver.Drivers;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.indexed.Layers;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.LayerBuilder;
import io.gatun.snapshot.layer.LayerConverter;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.maintenance.BackgroundSync;
import io.gatun.snapshot.maintenance.LayerConversion;
import io.gatun.snapshot.maintenance.LayerRepair;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.root.BootId;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnusableRootException;
import io.gatun.snapshot.state.RecordedTrust;
import io.gatun.snapshot.state.SnapshotMounts;
import io.gatun.snapshot.state.Snapshots;
import io.gatun.snapshot.unpack.Applier;
import io.gatun.snapshot.unpack.DirectoryBackend;
import io.gatun.snapshot.unpack.IndexedBackend;
import io.gatun.snapshot.unpack.LayerBackend;
import io.gatun.snapshot.unpack.LayerPrefetch;
import io.gatun.snapshot.unpack.Rebase;
import io.gatun.snapshot.unpack.SnapshotDiffer;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An opened root with its engine: all that one daemon does on one root.
 *
 * <p>Opening locks the root, opens the metadata, chooses the driver and reconciles records with
 * directories. When it returns, requests can be served. Closing stops the threads and leaves the
 * data unchanged: running containers keep their files and mounts.
 */
public final class EngineRoot implements AutoCloseable {

  /** How long a prefetch is kept. containerd takes less time to request the next layer. */
  private static final Duration PREFETCH_EXPECTED = Duration.ofSeconds(10);

  private final Closer closer = new Closer();
  private final Root root;
  private final Durability durability;
  private final Driver driver;
  private final LayerForms forms;
  private final Snapshots snapshots;
  private final Layers layers;
  private final Engine engine;
  private final Rebase rebase;
  private @Nullable Applier applier;
  private final LayerBuilder builder;
  private final LayerConverter converter;

  /** Prepares the process for an orderly shutdown. Call this before a shutdown can begin. */
  public static void prepareProcess() {
    MetadataStore.prepareProcess();
  }

  /** Opens a root that cannot rebuild damaged layers, for want of their blobs. */
  public static EngineRoot open(Disk disk, EngineSettings settings, InstantSource clock)
      throws UnusableRootException {
    return open(disk, settings, clock, LayerBlobs.NONE);
  }

  /**
   * Opens a root.
   *
   * @param blobs the source from which damaged layers are rebuilt
   * @throws UnusableRootException if the root cannot be served, with one line that gives the reason
   *     and the remedy
   */
  public static EngineRoot open(
      Disk disk, EngineSettings settings, InstantSource clock, LayerBlobs blobs)
      throws UnusableRootException {
    try {
      return open(disk, settings, clock, blobs, BootId.read());
    } catch (IOException e) {
      throw unusable(settings, e);
    }
  }

  /** Opens a root on a machine with this boot id. */
  public static EngineRoot open(
      Disk disk, EngineSettings settings, InstantSource clock, LayerBlobs blobs, String boot)
      throws UnusableRootException {
    return open(disk, settings, clock, blobs, boot, UnaryOperator.identity());
  }

  /**
   * Opens a root.
   *
   * @param between wraps the driver that the engine uses
   */
  public static EngineRoot open(
      Disk disk,
      EngineSettings settings,
      InstantSource clock,
      LayerBlobs blobs,
      String boot,
      UnaryOperator<Driver> between)
      throws UnusableRootException {
    try {
      return new EngineRoot(disk, settings, clock, blobs, boot, between);
    } catch (IOException e) {
      throw unusable(settings, e);
    }
  }

  private static UnusableRootException unusable(EngineSettings settings, IOException cause) {
    return new UnusableRootException(
        "root %s cannot be used: %s".formatted(settings.root(), cause.getMessage()), cause);
  }

  private EngineRoot(
      Disk disk,
      EngineSettings settings,
      InstantSource clock,
      LayerBlobs blobs,
      String boot,
      UnaryOperator<Driver> between)
      throws UnusableRootException, IOException {
    try (Closer onFailure = new Closer()) {
      onFailure.add(closer);
      this.root = closer.add(Root.open(disk, settings.root()));
      MetadataStore store =
          closer.add(MetadataStore.open(disk, root.metadataPath(), settings.metadata()));
      this.durability =
          closer.add(Durability.open(root, new RecordedTrust(store), settings.syncPolicy()));
      IdMappedMounts idMappedMounts = new IdMappedMounts(disk, root.directory(), root.snapshots());
      this.driver =
          between.apply(
              Drivers.open(
                  root,
                  boot,
                  settings.driverSettings(),
                  durability,
                  idMappedMounts,
                  store.size() == 0));
      LayerStore layerStore =
          LayerStore.open(
              disk,
              root,
              durability.syncFailures(),
              durability.isWanted(),
              settings.layerProtection());
      this.forms =
          LayerForms.open(root, settings, driver.name(), layerStore, durability, idMappedMounts);
      this.snapshots =
          closer.add(
              Snapshots.open(
                  root, boot, store, driver, durability, forms.mounts(), settings.effort()));
      boolean isReusing = forms.isIndexing() && !settings.overlay().rebase();
      this.layers =
          closer.add(
              Layers.open(snapshots, driver, durability, layerStore, forms.mounts(), isReusing));
      Set<Long> damaged = Recovery.run(snapshots, layers.indexed());
      LayerRepair repair =
          new LayerRepair(
              disk, layers.indexed(), blobs, forms.writeMode().early(), layers.rebuild());
      BackgroundSync backgroundSync =
          closer.add(
              new BackgroundSync(
                  layers.indexed(),
                  repair::run,
                  settings.syncPolicy().delay(),
                  durability::isWritebackTrusted));
      this.rebase = new Rebase(disk, root, driver, durability, snapshots.active());
      this.engine =
          new Engine(snapshots, layers, driver, durability, rebase, backgroundSync, clock);
      repair.run(damaged);
      snapshots.flushCopies();
      layers.start();
      this.builder =
          new SnapshotDiffer(
              store,
              driver,
              snapshots.chains(),
              snapshots.active(),
              new SnapshotMounts(root.path()),
              layers.indexed());
      this.converter =
          new LayerConversion(
              snapshots,
              layers,
              driver,
              durability,
              new IndexedWriter(
                  disk, closer.add(new LayerPipeline(1, 0)), forms.writeMode().early()),
              forms::probeAgain);
      snapshots.start();
      onFailure.release();
    }
  }

  public Snapshotter snapshotter() {
    return engine;
  }

  /**
   * {@return the unpacker for the snapshots of this root, whose threads end when the root is
   * closed}
   *
   * @param layersMax how many layers are unpacked at a time, including a prefetched one, which
   *     always has room beside one other; further layers wait or are refused
   */
  public LayerUnpacker unpacker(int layersMax) {
    LayerPipeline pipeline = closer.add(new LayerPipeline(Math.max(layersMax, 2), layersMax));
    DirectoryBackend directory = directoryBackend(pipeline);
    if (!forms.isIndexing()) {
      boolean isPrefetched = driver.deletionsOverOthers().isPresent();
      return applier(
          directory, directory, isPrefetched ? Optional.of(prefetch(directory)) : Optional.empty());
    }
    IndexedBackend indexed =
        new IndexedBackend(
            layers.indexed().store(),
            layers.indexed(),
            new IndexedWriter(root.disk(), pipeline, forms.writeMode()),
            durability,
            pipeline);
    return applier(indexed, directory, Optional.of(prefetch(indexed)));
  }

  private DirectoryBackend directoryBackend(LayerPipeline pipeline) {
    return new DirectoryBackend(snapshots, driver, durability, rebase, pipeline);
  }

  private LayerPrefetch prefetch(LayerBackend backend) {
    return closer.add(new LayerPrefetch(backend, root::isDiskLow, PREFETCH_EXPECTED));
  }

  private Applier applier(
      LayerBackend backend, DirectoryBackend directory, Optional<LayerPrefetch> prefetch) {
    return new Applier(snapshots, layers, driver, backend, directory, prefetch);
  }

  /** {@return whether any snapshot has an indexed layer, or new layers are indexed} */
  public boolean hasIndexedLayers() {
    return forms.isIndexing() || !layers.indexed().isEmpty();
  }

  /** {@return the converter between the forms of layers} */
  public LayerConverter converter() {
    return converter;
  }

  /** {@return the builder of layers from the snapshots of this root} */
  public LayerBuilder builder() {
    return builder;
  }

  /** {@return an applier that writes layers from any source into directories} */
  public synchronized Applier applier() {
    if (applier == null) {
      DirectoryBackend directory = directoryBackend(closer.add(new LayerPipeline(1, 0)));
      applier = applier(directory, directory, Optional.empty());
    }
    return applier;
  }

  /** {@return the chosen driver} */
  public DriverName driver() {
    return driver.name();
  }

  /** Stops the background work and unlocks the root. No request may be running. */
  @Override
  public void close() {
    closer.close();
  }
}
