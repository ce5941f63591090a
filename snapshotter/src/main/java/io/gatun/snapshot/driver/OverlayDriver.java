package io.gatun.snapshot.driver;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.durability.Barrier;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.mount.IdMapping;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Stores only the changes of a snapshot and lets overlayfs stack them on its parents. See {@link
 * OverlayMounts} for the mounts and {@link SnapshotFiles} for the directories.
 */
public final class OverlayDriver implements Driver {

  /**
   * Shows where the files of a snapshot are; containerd's overlay snapshotter has the same label.
   */
  public static final String UPPERDIR_LABEL = "containerd.io/snapshot/overlay.upperdir";

  private static final String OVERLAY_ATTRIBUTES_TRUSTED = "trusted.overlay.";
  private static final String OVERLAY_ATTRIBUTES_USER = "user.overlay.";

  private static final String USER_XATTRS = "userxattr";

  private final Disk disk;
  private final SnapshotPaths paths;
  private final SnapshotFiles files;
  private final OverlaySettings settings;
  private final OverlayMounts mounts;
  private final DeletionForm deletions;
  private final VolatileMark volatileMark;
  private final IdMappedMounts idMappedMounts;
  private final Owner self = Owner.self();

  private record Owner(int uid, int gid) {
    static Owner self() {
      return new Owner(Unistd.geteuid(), Unistd.getegid());
    }
  }

  /**
   * @param root the root, whose absolute path appears in mounts
   * @param boot id of the current boot
   * @param barrier syncs everything written to the root's filesystem
   * @param idMappedMounts mounts layers with other owners
   */
  public OverlayDriver(
      Root root,
      OverlaySettings settings,
      OverlayFeatures features,
      String boot,
      Barrier barrier,
      IdMappedMounts idMappedMounts) {
    this.disk = root.disk();
    this.paths = new SnapshotPaths(root.path().toString());
    this.files = new SnapshotFiles(disk, root.snapshots());
    this.settings = settings;
    this.mounts = new OverlayMounts(paths, settings, features);
    this.deletions =
        features.userXattrs() || settings.mountOptions().contains(USER_XATTRS)
            ? DeletionForm.OVERLAY_USERXATTR
            : DeletionForm.OVERLAY;
    this.volatileMark = new VolatileMark(disk, boot, barrier);
    this.idMappedMounts = idMappedMounts;
  }

  @Override
  public DriverName name() {
    return DriverName.OVERLAY;
  }

  @Override
  public void create(Fd directory, Chain chain) throws ErrnoException {
    Owner owner = owner(chain);
    files.create(directory, SnapshotFiles.FILES, SnapshotFiles.FILES_MODE);
    if (!owner.equals(self)) {
      disk.setOwner(directory, SnapshotFiles.FILES, owner.uid(), owner.gid());
    }
    if (chain.kind() == Kind.ACTIVE) {
      files.create(directory, SnapshotFiles.WORK, SnapshotFiles.WORK_MODE);
    }
    if (mounts.isVolatile(chain)) {
      volatileMark.record(directory);
    }
  }

  @Override
  public boolean isBlank(Chain chain) throws ErrnoException {
    return chain.kind() == Kind.ACTIVE && !mounts.isVolatile(chain) && owner(chain).equals(self);
  }

  /**
   * {@return the owner of a snapshot's root directory} Overlayfs shows the owner of the upper
   * directory, so it must match the lower one, or root as mapped by the container's user namespace.
   * The mode stays 0755, as in containerd's overlay snapshotter.
   */
  private Owner owner(Chain chain) throws ErrnoException {
    if (chain.isMappingAsked()) {
      return new Owner(
          IdMapping.ofLabel(Chain.UID_MAPPING_LABEL, chain.labels()).root(),
          IdMapping.ofLabel(Chain.GID_MAPPING_LABEL, chain.labels()).root());
    }
    if (chain.lowers().isEmpty()) {
      return self;
    }
    FileStatus parent = files.status(chain.lowers().getFirst().id());
    return new Owner(parent.uid(), parent.gid());
  }

  /** A new snapshot consists only of names, which are synced together with its own. */
  @Override
  public boolean isUnsynced(long id) {
    return false;
  }

  @Override
  public void flush(long id) {}

  @Override
  public List<Mount> mounts(Chain chain) throws ErrnoException {
    if (OverlayMounts.isContainer(chain)) {
      allowMount(chain);
    }
    if (mounts.isOnMappedLayers(chain)) {
      idMappedMounts.mount(chain);
    }
    return mounts.of(chain);
  }

  @Override
  public boolean mountsNeedNoIo(Chain chain) {
    return !OverlayMounts.isContainer(chain) && !mounts.isOnMappedLayers(chain);
  }

  private void allowMount(Chain chain) throws ErrnoException {
    try (Fd directory = files.openDirectory(chain.id())) {
      volatileMark.requireIntact(directory, chain.id());
      boolean recorded = volatileMark.isRecorded(directory);
      if (recorded) {
        volatileMark.removeKernelMark(directory);
      }
      if (mounts.isVolatile(chain) && !recorded) {
        volatileMark.record(directory);
      } else if (recorded && !mounts.isVolatile(chain)) {
        volatileMark.settle(directory);
      }
    }
  }

  /**
   * A layer unpacked through a bind mount has lost its deletions: there, containerd removes the
   * target of a whiteout, which is in a layer that is not below it yet.
   */
  @Override
  public Optional<String> obstacleToRebase(Chain chain) {
    return chain.extraction() && !settings.rebase()
        ? Optional.of(
            "it was unpacked without its lower layers, which requires rebase = true in the"
                + " configuration of gatun; or remove the capability rebase of this snapshotter"
                + " from containerd's configuration")
        : Optional.empty();
  }

  @Override
  public boolean seal(Chain chain, boolean mayHaveMarks) throws ErrnoException {
    try (Fd directory = files.openDirectory(chain.id())) {
      volatileMark.requireIntact(directory, chain.id());
    }
    if (!mayHaveMarks || !mounts.isOnEmptyLower(chain)) {
      return false;
    }
    try (Fd own = files.openFiles(chain.id())) {
      return BaseWhiteouts.remove(disk, own);
    }
  }

  @Override
  public boolean isPristine(Chain chain, Optional<Timespec> createdAt) throws ErrnoException {
    if (!isEmpty(chain)) {
      return false;
    }
    try (Fd own = files.openFiles(chain.id())) {
      return Xattr.flistxattr(own).stream().noneMatch(BaseWhiteouts.OPAQUE_MARKS::contains);
    }
  }

  @Override
  public Timespec createdAt(long id) throws ErrnoException {
    return files.movedAt(id);
  }

  /** Without a lower directory the mount is a bind, in which marks would appear as files. */
  @Override
  public LayerTarget target(Chain chain) {
    return new LayerTarget(
        LinuxPath.of(paths.files(chain.id())),
        mounts.hasLower(chain) ? deletions : DeletionForm.IN_PLACE,
        chain.parents().stream().map(paths::files).map(LinuxPath::of).toList());
  }

  @Override
  public Optional<DeletionForm> deletionsOverOthers() {
    return Optional.of(deletions);
  }

  @Override
  public List<Timespec> changeTimes(Chain chain) throws ErrnoException {
    return files.changeTimes(chain.id());
  }

  @Override
  public boolean isEmpty(Chain chain) throws ErrnoException {
    try (Fd own = files.openFiles(chain.id())) {
      return isAsCreated(own, owner(chain)) && new DirectoryReader().next(own).isEmpty();
    }
  }

  private static boolean isAsCreated(Fd own, Owner owner) throws ErrnoException {
    FileStatus status = Stat.statx(own);
    return status.mode() == SnapshotFiles.FILES_MODE
        && status.uid() == owner.uid()
        && status.gid() == owner.gid()
        && Xattr.flistxattr(own).stream().allMatch(OverlayDriver::isOverlays);
  }

  private static boolean isOverlays(LinuxPath attribute) {
    String name = attribute.toString();
    return name.startsWith(OVERLAY_ATTRIBUTES_TRUSTED) || name.startsWith(OVERLAY_ATTRIBUTES_USER);
  }

  @Override
  public Usage usage(Chain chain) throws ErrnoException {
    return files.usage(chain);
  }

  @Override
  public Map<String, String> labels(long id) {
    return settings.upperdirLabel() ? Map.of(UPPERDIR_LABEL, paths.files(id)) : Map.of();
  }
}
