package io.gatun.server.config;

import io.gatun.server.rpc.RequestBudget;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.FileProtection;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Everything that can be configured. {@code server/README.md} and the sample {@code
 * conf/gatun.toml} explain each key; {@link ConfigurationFile} reads and writes them.
 *
 * @param root the directory that holds all snapshots
 * @param address the unix socket to listen on
 * @param driver the driver to use
 * @param transport what moves bytes between the socket and netty
 * @param allowedUids users that may connect, besides root
 * @param allowedGids groups that may connect, besides root
 * @param mountOptions options for every overlay mount, after those that Gatun sets itself
 * @param volatileContainers whether container snapshots (never layers) are mounted {@code volatile}
 * @param upperdirLabel whether the path of the upper directory is told as a label of active
 *     snapshots
 * @param remapIds whether uid and gid mappings become options of the mount; together with
 *     containerd's capability {@code remap-ids}
 * @param rebase whether layers are unpacked without their parent; together with containerd's
 *     capability {@code rebase}
 * @param syncPolicy when the files of a layer have to be on the disk
 * @param layers in which form layers are kept that are unpacked from now on
 * @param selinuxContext what {@code context=} says in the mounts of indexed layers; empty for none
 * @param layerProtection what keeps others from changing the files of indexed layers
 * @param metadataEntriesMax how many snapshots there can be
 * @param rpcThreads how many requests are worked on at a time
 * @param rpcQueueMax how many more may wait
 * @param connectionsMax how many clients may be connected
 * @param messageBytesMax how large a request may be
 * @param requestMemoryBytesMax what all requests in flight may take of memory, as {@link
 *     RequestBudget} reckons
 * @param drainTimeoutSeconds how long requests in flight may take to finish when the daemon stops
 * @param copyThreads how many threads copy files in the native driver; 0 for one per processor
 * @param containerdAddress the unix socket of the containerd whose blobs are unpacked
 * @param containerdRoot the directory in which that containerd keeps its data
 * @param applyThreads how many layers are unpacked at a time
 * @param applyQueueMax how many more may wait
 * @param warmUp whether the first image is prepared for after a start
 * @param logLevel how much is logged
 */
public record Configuration(
    Path root,
    Path address,
    DriverSetting driver,
    Transport transport,
    Set<Long> allowedUids,
    Set<Long> allowedGids,
    List<String> mountOptions,
    boolean volatileContainers,
    boolean upperdirLabel,
    boolean remapIds,
    boolean rebase,
    SyncPolicy syncPolicy,
    LayerSetting layers,
    String selinuxContext,
    FileProtection layerProtection,
    int metadataEntriesMax,
    int rpcThreads,
    int rpcQueueMax,
    int connectionsMax,
    int messageBytesMax,
    int requestMemoryBytesMax,
    int drainTimeoutSeconds,
    int copyThreads,
    Path containerdAddress,
    Path containerdRoot,
    int applyThreads,
    int applyQueueMax,
    boolean warmUp,
    LogLevel logLevel) {

  public Configuration {
    allowedUids = Set.copyOf(allowedUids);
    allowedGids = Set.copyOf(allowedGids);
    mountOptions = List.copyOf(mountOptions);
  }

  /** What holds where the configuration says nothing. */
  public static final Configuration DEFAULTS =
      new Configuration(
          Path.of("/var/lib/gatun"),
          Path.of("/run/gatun/gatun.sock"),
          DriverSetting.AUTO,
          Transport.AUTO,
          Set.of(),
          Set.of(),
          List.of(),
          false,
          false,
          false,
          false,
          SyncPolicy.COMMIT,
          LayerSetting.DIRECTORY,
          "",
          FileProtection.NONE,
          MetadataSettings.DEFAULT_ENTRIES_MAX,
          16,
          1024,
          32,
          320 << 10,
          32 << 20,
          30,
          0,
          Path.of("/run/containerd/containerd.sock"),
          Path.of("/var/lib/containerd"),
          4,
          256,
          true,
          LogLevel.INFO);

  /** {@return this with what the command line says in place of the file} */
  public Configuration with(Overrides overrides) {
    return new Configuration(
        overrides.root().orElse(root),
        overrides.address().orElse(address),
        overrides.driver().orElse(driver),
        transport,
        allowedUids,
        allowedGids,
        mountOptions,
        volatileContainers,
        upperdirLabel,
        remapIds,
        rebase,
        syncPolicy,
        layers,
        selinuxContext,
        layerProtection,
        metadataEntriesMax,
        rpcThreads,
        rpcQueueMax,
        connectionsMax,
        messageBytesMax,
        requestMemoryBytesMax,
        drainTimeoutSeconds,
        copyThreads,
        containerdAddress,
        containerdRoot,
        applyThreads,
        applyQueueMax,
        warmUp,
        logLevel);
  }

  /**
   * What the command line says.
   *
   * @param root the root, if given
   * @param address the socket, if given
   * @param driver the driver, if given
   */
  public record Overrides(
      Optional<Path> root, Optional<Path> address, Optional<DriverSetting> driver) {}
}
