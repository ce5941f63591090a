package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.FilesystemStatus;
import io.gatun.linux.Statfs;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.CopyFlusher;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.driver.DriverChoice;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.driver.NativeDriver;
import io.gatun.snapshot.driver.OverlayDriver;
import io.gatun.snapshot.driver.OverlayProbe;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.durability.GroupSync;
import io.gatun.snapshot.durability.LayerBarrier;
import io.gatun.snapshot.durability.SyncFailures;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.durability.TreeSync;
import io.gatun.snapshot.durability.TrustedIds;
import io.gatun.snapshot.durability.WritebackErrors;
import io.gatun.snapshot.indexed.ChainIndexBuilder;
import io.gatun.snapshot.indexed.IdMappedRefs;
import io.gatun.snapshot.indexed.IndexPrefetch;
import io.gatun.snapshot.indexed.IndexPrefetcher;
import io.gatun.snapshot.indexed.IndexedCommits;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.indexed.LayerMounts;
import io.gatun.snapshot.indexed.LayerRebuild;
import io.gatun.snapshot.indexed.LayerReuse;
import io.gatun.snapshot.indexed.LayerUnmounter;
import io.gatun.snapshot.indexed.Materializer;
import io.gatun.snapshot.indexed.MountRestoration;
import io.gatun.snapshot.indexed.ObsoleteTrees;
import io.gatun.snapshot.indexed.ReusableLayers;
import io.gatun.snapshot.indexed.RunningContainers;
import io.gatun.snapshot.indexed.TarReplacementMounts;
import io.gatun.snapshot.indexed.UsageCounter;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.LayerBuilder;
import io.gatun.snapshot.layer.LayerConverter;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.erofs.SampleIndex;
import io.gatun.snapshot.layer.read.ApplyLimits;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.TarWriteMode;
import io.gatun.snapshot.maintenance.BackgroundSync;
import io.gatun.snapshot.maintenance.LayerConversion;
import io.gatun.snapshot.maintenance.LayerRepair;
import io.gatun.snapshot.maintenance.TarRepair;
import io.gatun.snapshot.metadata.Change;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.mount.IndexAccess;
import io.gatun.snapshot.mount.IndexFilesystem;
import io.gatun.snapshot.mount.IndexMounts;
import io.gatun.snapshot.mount.IndexProbe;
import io.gatun.snapshot.mount.IndexProbeResult;
import io.gatun.snapshot.mount.MountUsers;
import io.gatun.snapshot.root.BootId;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnusableRootException;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.Damage;
import io.gatun.snapshot.state.DeletionThrottle;
import io.gatun.snapshot.state.DirectoryPool;
import io.gatun.snapshot.state.NameLocks;
import io.gatun.snapshot.state.Reaper;
import io.gatun.snapshot.state.SnapshotDirectories;
import io.gatun.snapshot.state.SnapshotMounts;
import io.gatun.snapshot.unpack.Applier;
import io.gatun.snapshot.unpack.DirectoryUnpacker;
import io.gatun.snapshot.unpack.IndexedPrefetch;
import io.gatun.snapshot.unpack.IndexedUnpacker;
import io.gatun.snapshot.unpack.LayerPrefetcher;
import io.gatun.snapshot.unpack.Rebase;
import io.gatun.snapshot.unpack.SnapshotDiffer;
import io.gatun.snapshot.unpack.TreePrefetch;
import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An opened root with its engine: everything that one daemon does on one root.
 *
 * <p>Opening locks the root, opens the metadata, chooses the driver and brings records and
 * directories together; when it returns, requests can be served. Closing stops the threads and
 * leaves the data as they are: it takes nothing away from containers that run.
 */
public final class EngineRoot implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(EngineRoot.class);

  /** More would only wait for each other, in the journal of the filesystem. */
  private static final int DELETION_THREADS_MAX = 2;

  /** Room is short when less than one part in so many is free. */
  private static final int ROOM_PARTS = 10;

  /** What has to be closed, the last opened first. */
  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  private final Disk disk;
  private final Driver driver;
  private final Engine engine;
  private final SnapshotDirectories directories;
  private final Durability durability;
  private final ActiveSnapshots activeSnapshots;
  private final Applier applier;
  private final LayerBuilder builder;
  private final LayerConverter converter;
  private final Root root;
  private final LayerStore layers;
  private final IndexedLayers indexedLayers;
  private final LayerRebuild rebuild;
  private final boolean isIndexing;
  private final boolean isSynced;
  private final TarWriteMode writeMode;

  /** What a process does before anybody may tell it to end, so that it can end in order. */
  public static void prepareProcess() {
    MetadataStore.prepareProcess();
  }

  /** Opens a root, as below, that makes no layers anew. */
  public static EngineRoot open(Disk disk, EngineSettings settings, InstantSource clock)
      throws UnusableRootException {
    return open(disk, settings, clock, LayerBlobs.NONE);
  }

  /**
   * Opens a root.
   *
   * @param blobs of which damaged layers are made anew
   * @throws UnusableRootException if it cannot be served, with one line that says why and what to
   *     do
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

  /** As before, on a machine that was started under this id. */
  public static EngineRoot open(
      Disk disk, EngineSettings settings, InstantSource clock, LayerBlobs blobs, String boot)
      throws UnusableRootException {
    return open(disk, settings, clock, blobs, boot, UnaryOperator.identity());
  }

  /** As before, with something of the caller's between the engine and the driver. */
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
    this.disk = disk;
    this.isSynced = settings.syncPolicy() == SyncPolicy.COMMIT;
    boolean complete = false;
    try {
      this.root = keep(Root.open(disk, settings.root()));
      MetadataStore store =
          keep(MetadataStore.open(disk, root.metadataPath(), settings.metadata()));
      SyncFailures syncFailures = new SyncFailures(idsOf(store));
      GroupSync filesystem =
          new GroupSync(syncFailures.watching(() -> disk.syncFilesystem(root.directory())));
      IdMappedMounts idMappedMounts = new IdMappedMounts(disk, root.directory(), root.snapshots());
      Driver chosen =
          between.apply(
              chooseDriver(
                  disk, settings, root, boot, store.size() == 0, filesystem, idMappedMounts));
      this.driver = chosen;
      Optional<WritebackErrors> errors = watchWriteback(root);
      NameLocks nameLocks = new NameLocks();
      this.activeSnapshots = new ActiveSnapshots(disk, root, boot);
      DeletionThrottle throttle =
          new DeletionThrottle(
              activeSnapshots::areUnpacking, () -> isDiskLow(root), System::nanoTime);
      this.layers =
          LayerStore.open(
              disk,
              root,
              syncFailures,
              settings.syncPolicy() != SyncPolicy.NONE,
              settings.layerProtection());
      Optional<IndexProbeResult> trial = tryIndexes(settings, root);
      this.isIndexing = isIndexing(settings, chosen.name(), trial, root);
      IndexAccess access = access(trial);
      // In the background, the names of a layer are synced at once, and some filesystems bring what
      // was written before to the disk with them.
      boolean isSyncedSoon = settings.syncPolicy() != SyncPolicy.NONE;
      this.writeMode = new TarWriteMode(isSyncedSoon, isSyncedSoon && access == IndexAccess.DIRECT);
      IndexMounts indexMounts =
          new IndexMounts(
              root.snapshots(),
              new IndexFilesystem(access, settings.selinuxContext()),
              idMappedMounts);
      Reaper reaper =
          keep(
              new Reaper(
                  disk,
                  root,
                  recordsOf(store),
                  new LayerUnmounter(indexMounts, idMappedMounts),
                  throttle,
                  Math.min(settings.copyThreads(), DELETION_THREADS_MAX)));
      this.indexedLayers = new IndexedLayers(layers, store::isJournalTrusted, reaper::submit);
      layers.setCollector(indexedLayers::collect);
      Damage damage = Recovery.run(root, store, layers, indexedLayers, activeSnapshots, reaper);
      CopyFlusher copyFlusher = keep(new CopyFlusher(chosen, filesystem, syncFailures));
      this.directories = new SnapshotDirectories(disk, root, reaper, damage);
      DirectoryPool pool =
          keep(
              new DirectoryPool(
                  directories,
                  directory -> chosen.create(directory, Chain.blank(Chains.NO_ID)),
                  store::nextId,
                  syncFailures,
                  settings.spareDirectories()));
      Chains chains = new Chains(store, directories);
      LayerBarrier barrier = new LayerBarrier(filesystem, new TreeSync(disk), errors, syncFailures);
      this.durability = new Durability(settings.syncPolicy(), barrier, syncFailures);
      ObsoleteTrees obsoleteTrees =
          keep(
              new ObsoleteTrees(
                  disk,
                  root,
                  () -> MountUsers.find(root.path()),
                  reaper::submit,
                  System::nanoTime));
      LayerMounts layerMounts =
          keep(
              new LayerMounts(
                  disk,
                  root,
                  layers,
                  indexedLayers,
                  indexMounts,
                  directories::isDamaged,
                  new IdMappedRefs(idMappedMounts),
                  obsoleteTrees));
      Materializer materializer =
          new Materializer(
              disk, chosen, layers, indexedLayers, directories, durability, activeSnapshots);
      TarReplacementMounts replacedTars = new TarReplacementMounts(indexedLayers, layerMounts);
      layers.setListener(replacedTars);
      ChainIndexBuilder indexBuilder = new ChainIndexBuilder(chosen, layers, layerMounts);
      this.rebuild =
          new LayerRebuild(
              store,
              chains,
              directories,
              activeSnapshots,
              layers,
              indexedLayers,
              layerMounts,
              replacedTars,
              indexBuilder,
              new RunningContainers(store, chains, root.path()));
      LayerRepair repair =
          new LayerRepair(
              layers,
              indexedLayers,
              new TarRepair(disk, layers, blobs, writeMode.early()),
              rebuild);
      BackgroundSync backgroundSync =
          keep(
              new BackgroundSync(
                  indexedLayers,
                  repair::run,
                  settings.syncPolicy().delay(),
                  () -> settings.syncPolicy() != SyncPolicy.NONE || hasNoWritebackErrors(errors)));
      Rebase rebase = new Rebase(disk, root, chosen, durability, activeSnapshots);
      IndexedCommits commits =
          new IndexedCommits(
              chosen,
              layers,
              indexedLayers,
              layerMounts,
              materializer,
              durability,
              activeSnapshots,
              chains,
              indexBuilder,
              isSynced ? _ -> {} : backgroundSync::submit);
      LayerReuse reuse =
          new LayerReuse(
              store,
              chosen,
              directories,
              pool,
              new ReusableLayers(store, directories, layers, indexedLayers),
              commits,
              indexedLayers,
              keep(
                  new IndexPrefetcher(
                      layers,
                      indexedLayers,
                      new IndexPrefetch(
                          store, chosen, nameLocks, chains, layers, durability, indexBuilder),
                      () -> isDiskLow(root),
                      LayerPrefetcher.EXPECTED)));
      boolean areShared = isIndexing && !settings.overlay().rebase();
      UsageCounter usages = new UsageCounter(store, chosen, indexedLayers, nameLocks);
      MountRestoration restoration =
          new MountRestoration(store, chains, nameLocks, indexedLayers, layerMounts);
      this.engine =
          new Engine(
              store,
              chosen,
              directories,
              pool,
              reaper,
              usages,
              durability,
              copyFlusher,
              activeSnapshots,
              rebase,
              chains,
              nameLocks,
              clock,
              new IndexedSnapshots(
                  chosen,
                  chains,
                  nameLocks,
                  activeSnapshots,
                  indexedLayers,
                  layerMounts,
                  commits,
                  areShared ? Optional.of(reuse) : Optional.empty(),
                  materializer));
      repair.run(damage.damaged());
      engine.flushCopies();
      restoration.restoreAll();
      SnapshotMounts recognised = new SnapshotMounts(root.path());
      this.builder =
          new SnapshotDiffer(store, chosen, chains, activeSnapshots, recognised, indexedLayers);
      this.applier =
          new Applier(
              disk,
              store,
              chosen,
              directories,
              chains,
              durability,
              copyFlusher,
              nameLocks,
              activeSnapshots,
              recognised,
              indexedLayers,
              layerMounts,
              materializer,
              rebase);
      this.converter =
          new LayerConversion(
              disk,
              root,
              usages,
              restoration,
              store,
              chosen,
              chains,
              nameLocks,
              directories,
              durability,
              layers,
              indexedLayers,
              layerMounts,
              rebuild,
              obsoleteTrees,
              keep(new LayerPipeline(ApplyLimits.of(1, 0))),
              writeMode.early(),
              place ->
                  tryMounts(
                      indexMounts, trial(settings, root.trashPath().resolve(place.toString()))));
      obsoleteTrees.start();
      reaper.start();
      complete = true;
    } finally {
      if (!complete) {
        close();
      }
    }
  }

  /** {@return what tells of lost writes, where there can be such a thing} */
  private Optional<WritebackErrors> watchWriteback(Root root) {
    try {
      return Optional.of(keep(WritebackErrors.watch(disk, root.trash())));
    } catch (ErrnoException e) {
      log.info(
          "layer_barrier=syncfs error=\"small layers cannot be synced by themselves: {}\"",
          e.getMessage());
      return Optional.empty();
    }
  }

  /** {@return whether it can be told that the kernel has written back whatever it has tried to} */
  private static boolean hasNoWritebackErrors(Optional<WritebackErrors> errors) {
    if (errors.isEmpty()) {
      return false;
    }
    try {
      errors.get().requireNone();
      return true;
    } catch (ErrnoException e) {
      log.warn("what was written may be lost, and is read: {}", e.getMessage());
      return false;
    }
  }

  private static Reaper.Records recordsOf(MetadataStore store) {
    return new Reaper.Records() {
      @Override
      public boolean contains(long id) {
        return store.find(id).isPresent();
      }

      @Override
      public boolean isCertain() {
        return store.isJournalTrusted();
      }
    };
  }

  private static TrustedIds idsOf(MetadataStore store) {
    return new TrustedIds() {
      @Override
      public long trustedFrom() {
        return store.firstTrustedId();
      }

      @Override
      public long firstUnused() {
        return store.firstUnusedId();
      }

      @Override
      public void distrustBelow(long end) {
        store.apply(List.of(new Change.SyncFailed(end)));
      }
    };
  }

  private static boolean isDiskLow(Root root) {
    try {
      FilesystemStatus status = Statfs.fstatfs(root.directory());
      return status.availableBlocks() < status.blocks() / ROOM_PARTS
          || status.freeInodes() < status.inodes() / ROOM_PARTS;
    } catch (ErrnoException e) {
      // Whoever deletes something meets the same, and says so.
      return false;
    }
  }

  private static Driver chooseDriver(
      Disk disk,
      EngineSettings settings,
      Root root,
      String boot,
      boolean isEmpty,
      GroupSync filesystem,
      IdMappedMounts idMappedMounts)
      throws UnusableRootException, IOException {
    Optional<DriverName> recorded = isEmpty ? Optional.empty() : recordedDriver(root);
    DriverChoice choice =
        DriverChoice.of(
            settings.driver(), recorded, new OverlayProbe(disk, root.path(), root.trash()).run());
    Driver chosen =
        switch (choice) {
          case DriverChoice.Overlay overlay -> {
            log.info("driver=overlay reason=\"{}\"", overlay.reason());
            yield new OverlayDriver(
                disk,
                root.path(),
                root.snapshots(),
                settings.overlay(),
                overlay.features(),
                boot,
                () -> filesystem.await(filesystem.mark()),
                idMappedMounts);
          }
          case DriverChoice.Native copying -> {
            log.info("driver=native reason=\"{}\"", copying.reason());
            yield new NativeDriver(
                disk,
                root.path(),
                root.snapshots(),
                settings.copyThreads(),
                boot,
                settings.syncPolicy() != SyncPolicy.NONE);
          }
          case DriverChoice.Refused refused ->
              throw new UnusableRootException(
                  "root %s cannot be used: %s".formatted(root.path(), refused.reason()));
        };
    root.recordDriver(chosen.name().configName());
    return chosen;
  }

  /** {@return what comes of a trial of indexes, if there are any, or there may be} */
  private Optional<IndexProbeResult> tryIndexes(EngineSettings settings, Root root)
      throws ErrnoException {
    boolean isOfUse = settings.layers() != LayerSetting.DIRECTORY || !layers.diffIds().isEmpty();
    return isOfUse ? Optional.of(trial(settings, root.trashPath()).run()) : Optional.empty();
  }

  private IndexProbe trial(EngineSettings settings, Path place) {
    return new IndexProbe(
        disk, place, new SampleIndex(), settings.selinuxContext(), settings.layerProtection());
  }

  /** Tries indexes on a root on which there may be none yet, and has them mounted accordingly. */
  private IndexProbeResult tryMounts(IndexMounts mounts, IndexProbe probe) throws ErrnoException {
    IndexProbeResult result = probe.run();
    accessOf(result).ifPresent(mounts::mountBy);
    return result;
  }

  /** {@return how indexed layers are mounted, which may be there though no new ones are made} */
  private static IndexAccess access(Optional<IndexProbeResult> trial) {
    // Who wants to see a layer that is there is told why that fails.
    return trial.flatMap(EngineRoot::accessOf).orElse(IndexAccess.FILE);
  }

  private static Optional<IndexAccess> accessOf(IndexProbeResult trial) {
    return switch (trial) {
      case IndexProbeResult.Works works -> Optional.of(works.access());
      case IndexProbeResult.Unprotected unprotected -> Optional.of(unprotected.access());
      case IndexProbeResult.Fails _, IndexProbeResult.NoRoom _ -> Optional.empty();
    };
  }

  private boolean isIndexing(
      EngineSettings settings, DriverName driver, Optional<IndexProbeResult> trial, Root root)
      throws UnusableRootException, ErrnoException {
    return switch (LayerChoice.of(settings, driver, trial)) {
      case LayerChoice.Indexed indexed -> {
        log.info("layers=indexed reason=\"{}\"", indexed.reason());
        yield true;
      }
      case LayerChoice.Directories directories -> {
        log.info("layers=directory reason=\"{}\"", directories.reason());
        if (!layers.diffIds().isEmpty()
            && trial.orElse(null) instanceof IndexProbeResult.Fails fails) {
          log.warn("stored indexed layers cannot be mounted error=\"{}\"", fails.reason());
        }
        yield false;
      }
      case LayerChoice.Refused refused ->
          throw new UnusableRootException(
              "root %s cannot be used: %s".formatted(root.path(), refused.reason()));
    };
  }

  private static Optional<DriverName> recordedDriver(Root root) throws UnusableRootException {
    if (root.driver().isEmpty()) {
      return Optional.empty();
    }
    String name = root.driver().get();
    return Optional.of(
        Arrays.stream(DriverName.values())
            .filter(each -> each.configName().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    new UnusableRootException(
                        "root %s belongs to a driver %s that this gatun does not know: use the gatun that wrote it"
                            .formatted(root.path(), name))));
  }

  /** {@return the snapshots of this root} */
  public Snapshotter snapshotter() {
    return engine;
  }

  /**
   * {@return what unpacks layers into the snapshots of this root; its threads end with this}
   *
   * @param layersMax how many layers are unpacked at a time, with the one that may be made ahead,
   *     for which there is always room beside another; further ones wait, or are refused
   */
  public LayerUnpacker unpacker(int layersMax) {
    LayerPipeline layerPipeline =
        keep(new LayerPipeline(ApplyLimits.of(Math.max(layersMax, 2), layersMax)));
    if (!isIndexing) {
      return new DirectoryUnpacker(
          disk,
          applier,
          layerPipeline,
          driver.deletionsOverOthers().map(deletions -> prefetch(trees(deletions, layerPipeline))));
    }
    IndexedWriter indexing = new IndexedWriter(disk, layerPipeline, writeMode);
    IndexedPrefetch tars = new IndexedPrefetch(layers, indexedLayers, indexing, isSynced);
    return new IndexedUnpacker(
        disk, applier, layerPipeline, layers, rebuild, indexing, prefetch(tars));
  }

  private TreePrefetch trees(DeletionForm deletions, LayerPipeline layerPipeline) {
    return new TreePrefetch(
        disk, driver, deletions, directories, durability, activeSnapshots, layerPipeline);
  }

  private <T> LayerPrefetcher<T> prefetch(LayerPrefetcher.Work<T> work) {
    return keep(new LayerPrefetcher<>(work, () -> isDiskLow(root), LayerPrefetcher.EXPECTED));
  }

  /** {@return whether snapshots have indexed layers, or will get some} */
  public boolean hasIndexedLayers() {
    return isIndexing || !indexedLayers.isEmpty();
  }

  /** {@return what gives the layers of this root another form} */
  public LayerConverter converter() {
    return converter;
  }

  /** {@return what makes layers of the snapshots of this root} */
  public LayerBuilder builder() {
    return builder;
  }

  /** {@return what puts layers, of whatever sort, into the snapshots of this root} */
  public Applier applier() {
    return applier;
  }

  /** {@return the driver that was chosen} */
  public DriverName driver() {
    return driver.name();
  }

  private <T extends AutoCloseable> T keep(T opened) {
    open.push(opened);
    return opened;
  }

  /**
   * Stops what runs in the background and gives up the root. No request may be under way any more.
   */
  @Override
  public void close() {
    while (!open.isEmpty()) {
      AutoCloseable last = open.pop();
      try {
        last.close();
      } catch (Exception e) {
        // The others have to be closed all the same, the lock on the root above all.
        log.error("cannot close {} properly", last.getClass().getSimpleName(), e);
      }
    }
  }
}
