package io.gatun.snapshot.driver;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.mount.IndexAccess;
import io.gatun.snapshot.mount.IndexFilesystem;
import io.gatun.snapshot.mount.IndexMounts;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The parts of a root that are needed to mount indexed layers and overlays on them. */
public final class MountedRoot implements AutoCloseable {

  private static final OverlayFeatures FEATURES = new OverlayFeatures(false, true);

  private final Path path;
  private final Fd snapshots;
  private final IndexAccess access;
  private final Fd directory;
  private final IdMappedMounts idMappedMounts;
  private IndexMounts mounts;

  public MountedRoot(Path path, IndexAccess access) throws IOException {
    this.path = path;
    this.access = access;
    Files.createDirectories(path.resolve("snapshots"));
    Files.createDirectories(path.resolve("empty"));
    this.snapshots = WorkDirectory.open(path.resolve("snapshots"));
    this.directory = WorkDirectory.open(path);
    this.idMappedMounts = new IdMappedMounts(new LinuxDisk(), directory, snapshots);
    this.mounts = new IndexMounts(snapshots, new IndexFilesystem(access, ""), idMappedMounts);
  }

  public Path path() {
    return path;
  }

  public IdMappedMounts mapped() {
    return idMappedMounts;
  }

  public IndexMounts mounts() {
    return mounts;
  }

  /** Starts a daemon without knowledge of the previous one. */
  public IndexMounts restart() throws IOException {
    mounts =
        new IndexMounts(
            snapshots,
            new IndexFilesystem(access, ""),
            new IdMappedMounts(new LinuxDisk(), directory, snapshots));
    return mounts;
  }

  public Path snapshot(long id) {
    return path.resolve("snapshots").resolve(Long.toString(id));
  }

  public Path files(long id) {
    return snapshot(id).resolve("fs");
  }

  /** Creates the empty directory of an indexed snapshot. */
  public void create(long id) throws IOException {
    Files.createDirectories(snapshot(id));
  }

  public void show(long id, KeptIndex layer) throws IOException {
    create(id);
    mounts.mount(id, layer.tar(), layer.index());
  }

  /** {@return the mounts of a new active snapshot on these layers} */
  public List<Mount> active(long id, List<Lower> lowers) throws IOException {
    Files.createDirectories(files(id));
    Files.createDirectories(snapshot(id).resolve("work"));
    return of(new Chain(id, Kind.ACTIVE, lowers, Map.of(), false));
  }

  public List<Mount> view(long id, List<Lower> lowers) {
    return of(new Chain(id, Kind.VIEW, lowers, Map.of(), false));
  }

  private List<Mount> of(Chain chain) {
    return new OverlayMounts(new SnapshotPaths(path.toString()), OverlaySettings.DEFAULT, FEATURES)
        .of(chain);
  }

  /** {@return all mounts at a snapshot} */
  public List<MountEntry> at(long id) throws IOException {
    LinuxPath place = LinuxPath.of(snapshot(id));
    return MountTable.read().stream().filter(each -> each.mountPoint().equals(place)).toList();
  }

  @Override
  public void close() throws IOException {
    for (long id : mounts.mounted()) {
      mounts.unmount(id);
    }
    snapshots.close();
    directory.close();
  }
}
