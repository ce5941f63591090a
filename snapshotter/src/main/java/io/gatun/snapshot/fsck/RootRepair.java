package io.gatun.snapshot.fsck;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.metadata.repair.Contents;
import io.gatun.snapshot.metadata.repair.MetadataCheck;
import io.gatun.snapshot.metadata.repair.MetadataRepair;
import io.gatun.snapshot.metadata.repair.MetadataReport;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.mount.IndexAccess;
import io.gatun.snapshot.mount.IndexFilesystem;
import io.gatun.snapshot.mount.IndexMounts;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.InodeProtection;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.RootInspection;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Repairs the findings of a check as far as possible, and checks again.
 *
 * <p>Leftovers of a crash move to the trash, which the next start empties. But if the metadata has
 * lost anything, a directory without a record may belong to a lost snapshot; it is then set aside
 * as {@code snapshots/ID.damaged}, which no daemon touches.
 *
 * <p>A damaged file of an indexed layer is set aside as well, so that the next start finds it
 * missing and rebuilds it. Existing mounts keep it.
 */
public final class RootRepair {

  private static final LinuxPath FORMAT = LinuxPath.of("format");
  private static final int WORK_MODE = 0711;

  private final Disk disk;
  private final Path path;
  private final MetadataSettings settings;
  private final boolean isIndexDropped;
  private final Optional<ContentProgress> content;
  private final List<String> done = new ArrayList<>();

  /**
   * The outcome of a repair.
   *
   * @param found the report of the check before
   * @param done one sentence for each repair
   * @param remaining the report of the check afterwards; only a repair knows about losses
   */
  public record Outcome(RootReport found, List<String> done, RootReport remaining) {

    public Outcome {
      done = List.copyOf(done);
    }

    /** {@return whether the metadata has lost an acknowledged change} */
    public boolean isLossy() {
      return found.isLossy();
    }
  }

  private RootRepair(
      Disk disk,
      Path path,
      MetadataSettings settings,
      boolean isIndexDropped,
      Optional<ContentProgress> content) {
    this.disk = disk;
    this.path = path;
    this.settings = settings;
    this.isIndexDropped = isIndexDropped;
    this.content = content;
  }

  /**
   * Repairs a root that no daemon uses.
   *
   * @param isIndexDropped whether to rebuild the metadata from checkpoint and journal alone
   */
  public static Outcome run(Disk disk, Path path, MetadataSettings settings, boolean isIndexDropped)
      throws IOException, UnusableRootException {
    return new RootRepair(disk, path, settings, isIndexDropped, Optional.empty()).run();
  }

  /**
   * Like {@link #run(Disk, Path, MetadataSettings, boolean)}, and repairs the content of layers.
   *
   * @param progress of reading the content
   */
  public static Outcome runWithContent(
      Disk disk,
      Path path,
      MetadataSettings settings,
      boolean isIndexDropped,
      ContentProgress progress)
      throws IOException, UnusableRootException {
    return new RootRepair(disk, path, settings, isIndexDropped, Optional.of(progress)).run();
  }

  private Outcome run() throws IOException, UnusableRootException {
    RootReport found;
    try (RootInspection root = RootInspection.open(path)) {
      found = RootCheck.of(root, !isIndexDropped, content);
      if (found.isOfLaterVersion()) {
        return new Outcome(found, done, found);
      }
      repairPlaces(root, found);
    }
    try (Root root = Root.open(disk, path)) {
      // A daemon that started in between has changed none of the findings.
      repairSnapshots(root, found);
    }
    return new Outcome(found, done, RootCheck.of(path));
  }

  // The root itself.

  private void repairPlaces(RootInspection root, RootReport found) throws ErrnoException {
    for (RootFinding finding : found.findings()) {
      switch (finding) {
        case RootFinding.Format _ -> repairFormat(root, found);
        case RootFinding.Misplaced misplaced -> {
          LinuxPath place = LinuxPath.of(misplaced.place());
          if (!place.equals(FORMAT)) {
            setAside(root.directory(), place);
          }
        }
        case RootFinding.WrongMode(String place, int _, int expected) -> {
          if (place.equals(".")) {
            disk.setMode(root.directory(), expected);
          } else {
            LinuxPath name = LinuxPath.of(place);
            InodeProtection.overcome(
                disk, root.directory(), name, () -> disk.setMode(root.directory(), name, expected));
          }
          done.add("%s has mode %04o again".formatted(place, expected));
        }
        case RootFinding.WrongOwner(String place, int _, int expected) -> {
          if (place.equals(".")) {
            disk.setOwner(root.directory(), expected, Unistd.getegid());
          } else {
            LinuxPath name = LinuxPath.of(place);
            InodeProtection.overcome(
                disk,
                root.directory(),
                name,
                () -> disk.setOwner(root.directory(), name, expected, Unistd.getegid()));
          }
          done.add("%s belongs to uid %d again".formatted(place, expected));
        }
        case RootFinding.DamagedLayer damaged -> setLayerAside(root, damaged.place());
        case RootFinding.NotEmpty(String place) -> {
          setAside(
              root.directory(), "", LinuxPath.of(place), LinuxPath.of(place.replace('/', '-')));
        }
        case RootFinding.Metadata _,
            RootFinding.Lost _,
            RootFinding.FirstStart _,
            RootFinding.Absent _,
            RootFinding.Corrupt _,
            RootFinding.Notice _,
            RootFinding.Orphan _,
            RootFinding.UnknownId _,
            RootFinding.MissingFiles _,
            RootFinding.MissingWork _,
            RootFinding.WrongUsage _ -> {}
      }
    }
    disk.sync(root.directory());
  }

  private void setAside(Fd root, LinuxPath name) throws ErrnoException {
    setAside(root, "", name, name);
  }

  private void setSnapshotAside(Root root, long id) throws ErrnoException {
    LinuxPath name = Root.snapshotName(id);
    setAside(root.snapshots(), RootCheck.SNAPSHOTS + "/", name, name);
  }

  /**
   * Unmounts layers that a daemon left mounted on a snapshot's directory, which cannot be moved
   * meanwhile.
   *
   * @throws IOException if something else is mounted there
   */
  private void detach(Root root, long id) throws IOException {
    LinuxPath name = Root.snapshotName(id);
    if (Stat.statx(root.snapshots(), name, AtFlag.SYMLINK_NOFOLLOW).type() != NodeType.DIRECTORY) {
      return;
    }
    IdMappedMounts idMappedMounts = new IdMappedMounts(disk, root.directory(), root.snapshots());
    IndexFilesystem none = new IndexFilesystem(IndexAccess.FILE, "");
    new IndexMounts(root.snapshots(), none, idMappedMounts).unmount(id);
    LinuxPath place = LinuxPath.of(path.toRealPath()).resolve(RootCheck.SNAPSHOTS).resolve(name);
    for (MountEntry mount : MountTable.read()) {
      if (mount.mountPoint().equals(place)) {
        throw new IOException(
            "%s is still a mount point (%s): unmount it first".formatted(place, mount.type()));
      }
    }
  }

  private void setLayerAside(RootInspection root, String place) throws ErrnoException {
    int slash = place.lastIndexOf('/');
    try (Fd directory =
        Fcntl.openat(
            root.directory(),
            LinuxPath.of(place.substring(0, slash)),
            OpenFlag.READ_ONLY,
            OpenFlag.DIRECTORY,
            OpenFlag.NO_FOLLOW)) {
      LinuxPath name = LinuxPath.of(place.substring(slash + 1));
      setAside(directory, place.substring(0, slash + 1), name, name);
      disk.sync(directory);
    }
    done.add(
        "%s is missing now; the next start rebuilds it if containerd still has the blob of the layer"
            .formatted(place));
  }

  /**
   * Renames a file to an unused name that ends in {@code .damaged}.
   *
   * @param within path of the parent from the root
   */
  private void setAside(Fd parent, String within, LinuxPath name, LinuxPath newName)
      throws ErrnoException {
    String kept = newName.toString();
    while (true) {
      kept += RootCheck.KEPT_SUFFIX;
      LinuxPath target = LinuxPath.of(kept);
      try {
        InodeProtection.overcome(
            disk, parent, name, () -> disk.rename(parent, name, parent, target));
        done.add("%s%s is kept as %s%s".formatted(within, name, within, kept));
        return;
      } catch (ErrnoException e) {
        if (!e.is(Errno.EEXIST)) {
          throw e;
        }
      }
    }
  }

  private void repairFormat(RootInspection root, RootReport found) throws ErrnoException {
    if (root.status(FORMAT).isPresent()) {
      setAside(root.directory(), FORMAT);
    }
    Optional<String> driver = driver(root, found);
    root.writeFormat(disk, driver);
    done.add("format was rewritten, with the driver " + driver.orElse("to be chosen"));
  }

  /**
   * {@return the driver that created the snapshots} With overlay, each snapshot that is or was
   * active has a work directory; with native, none has.
   */
  private static Optional<String> driver(RootInspection root, RootReport found)
      throws ErrnoException {
    List<SnapshotRecord> records =
        found.metadata().flatMap(MetadataReport::contents).stream()
            .flatMap(contents -> contents.records().values().stream())
            .filter(record -> record.kind() != Kind.VIEW)
            .toList();
    Optional<String> driver = Optional.empty();
    for (SnapshotRecord record : records) {
      LinuxPath directory = RootCheck.SNAPSHOTS.resolve(Root.snapshotName(record.id()));
      if (root.status(directory.resolve(RootCheck.WORK)).isPresent()) {
        return Optional.of(DriverName.OVERLAY.configName());
      }
      if (root.status(directory.resolve(RootCheck.FILES)).isPresent()) {
        driver = Optional.of(DriverName.NATIVE.configName());
      }
    }
    return driver;
  }

  // Snapshots.

  private void repairSnapshots(Root root, RootReport found) throws IOException {
    repairDirectories(root, found);
    MetadataReport metadata =
        found.metadata().isPresent()
            ? found.metadata().get()
            : MetadataCheck.of(root.metadataPath());
    done.addAll(
        MetadataRepair.run(
            disk,
            root.metadataPath(),
            settings,
            metadata,
            idLimit(found, metadata.contents().orElseThrow()),
            isIndexDropped));
    // Opening the store cuts off a torn tail and rebuilds an unusable index.
    try (MetadataStore store = MetadataStore.open(disk, root.metadataPath(), settings)) {
      for (RootFinding finding : found.findings()) {
        if (finding instanceof RootFinding.WrongUsage usage) {
          store
              .find(usage.snapshot().id())
              .ifPresent(record -> store.put(record.withUsage(usage.counted())));
          done.add("%s: its usage was corrected".formatted(usage.place()));
        }
      }
    }
  }

  private static long idLimit(RootReport found, Contents contents) {
    long end = contents.idLimit();
    for (RootFinding finding : found.findings()) {
      if (finding instanceof RootFinding.UnknownId unknown) {
        end = Math.max(end, unknown.id() + 1);
      }
    }
    return end;
  }

  private void repairDirectories(Root root, RootReport found) throws IOException {
    for (RootFinding finding : found.findings()) {
      switch (finding) {
        case RootFinding.Orphan(long id) -> {
          detach(root, id);
          if (found.isLossy()) {
            setSnapshotAside(root, id);
          } else {
            disk.rename(
                root.snapshots(), Root.snapshotName(id), root.trash(), Root.snapshotName(id));
            done.add("snapshots/%d is in the trash".formatted(id));
          }
        }
        case RootFinding.UnknownId unknown -> {
          detach(root, unknown.id());
          setSnapshotAside(root, unknown.id());
        }
        case RootFinding.MissingWork missing -> {
          LinuxPath directory = Root.snapshotName(missing.snapshot().id());
          try (Fd parent =
              Fcntl.openat(
                  root.snapshots(),
                  directory,
                  OpenFlag.READ_ONLY,
                  OpenFlag.DIRECTORY,
                  OpenFlag.NO_FOLLOW)) {
            disk.createDirectory(parent, RootCheck.WORK, WORK_MODE);
            disk.setMode(parent, RootCheck.WORK, WORK_MODE);
            disk.sync(parent);
          }
          done.add(missing.place() + " was created again");
        }
        case RootFinding.Metadata _,
            RootFinding.Lost _,
            RootFinding.Format _,
            RootFinding.WrongMode _,
            RootFinding.WrongOwner _,
            RootFinding.Misplaced _,
            RootFinding.FirstStart _,
            RootFinding.Absent _,
            RootFinding.Corrupt _,
            RootFinding.DamagedLayer _,
            RootFinding.NotEmpty _,
            RootFinding.Notice _,
            RootFinding.MissingFiles _,
            RootFinding.WrongUsage _ -> {}
      }
    }
    disk.sync(root.snapshots());
    disk.sync(root.trash());
  }
}
