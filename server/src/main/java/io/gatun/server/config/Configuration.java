package io.gatun.server.config;

import io.gatun.server.rpc.RequestBudget;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.root.FileProtection;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.event.Level;

/**
 * All settings. The sample {@code conf/gatun.toml} and {@code server/docs/configuration.md} explain
 * each key; {@link ConfigurationFile} reads and writes them.
 *
 * @param allowedUids users that may connect, besides root
 * @param mountOptions options for every overlay mount, after those that Gatun sets itself
 * @param volatileContainers whether container snapshots (never layers) are mounted {@code volatile}
 * @param upperdirLabel whether active snapshots get a label with the path of their upper directory
 * @param remapIds whether uid and gid mappings become mount options; together with containerd's
 *     capability {@code remap-ids}
 * @param rebase whether layers are unpacked without their parent; together with containerd's
 *     capability {@code rebase}
 * @param layers the form of layers that are unpacked from now on
 * @param selinuxContext the {@code context=} option in the mounts of indexed layers; empty for none
 * @param rpcQueueMax the number of requests that may wait
 * @param requestMemoryBytesMax the memory for all requests in flight, as {@link RequestBudget}
 *     counts it
 * @param drainTimeoutSeconds the time for requests in flight to finish when the daemon stops
 * @param copyThreads the number of threads that copy files in the native driver; 0 for one per
 *     processor
 * @param containerdAddress the unix socket of the containerd whose blobs are unpacked
 * @param containerdRoot the data directory of that containerd
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
    Level logLevel) {

  public Configuration {
    allowedUids = Set.copyOf(allowedUids);
    allowedGids = Set.copyOf(allowedGids);
    mountOptions = List.copyOf(mountOptions);
  }

  /** Overrides from the command line; each is empty if its option is absent. */
  public record Overrides(
      Optional<Path> root, Optional<Path> address, Optional<DriverSetting> driver) {

    public static final Overrides NONE =
        new Overrides(Optional.empty(), Optional.empty(), Optional.empty());
  }
}
