package io.gatun.snapshot.fsck;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.filetree.TreeUsage;
import io.gatun.snapshot.metadata.repair.Contents;
import io.gatun.snapshot.metadata.repair.MetadataCheck;
import io.gatun.snapshot.metadata.repair.MetadataReport;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.RootInspection;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Checks a root that no daemon uses, without changing anything. */
public final class RootCheck {

  static final LinuxPath SNAPSHOTS = LinuxPath.of("snapshots");
  static final LinuxPath TRASH = LinuxPath.of("trash");
  static final LinuxPath EMPTY = LinuxPath.of("empty");
  static final LinuxPath METADATA = LinuxPath.of("metadata");
  static final LinuxPath FILES = Root.FILES;
  static final LinuxPath WORK = LinuxPath.of("work");
  static final String KEPT_SUFFIX = ".damaged";

  private static final int PRIVATE_MODE = 0700;

  private final RootInspection root;
  private final boolean isIndexTrusted;
  private final Optional<ContentProgress> progress;
  private final List<RootFinding> findings = new ArrayList<>();
  private final PlaceCheck places = new PlaceCheck(findings);

  private RootCheck(
      RootInspection root, boolean isIndexTrusted, Optional<ContentProgress> progress) {
    this.root = root;
    this.isIndexTrusted = isIndexTrusted;
    this.progress = progress;
  }

  /**
   * Checks a root, which is locked meanwhile.
   *
   * @throws UnusableRootException if a daemon uses it, or it is not a root of Gatun
   * @throws IOException if it cannot be read
   */
  public static RootReport of(Path path) throws IOException, UnusableRootException {
    try (RootInspection root = RootInspection.open(path)) {
      return of(root, true);
    }
  }

  /** Checks a root with checkpoint and journal alone, without the metadata index. */
  public static RootReport withoutIndex(Path path) throws IOException, UnusableRootException {
    try (RootInspection root = RootInspection.open(path)) {
      return of(root, false);
    }
  }

  /**
   * Checks a root and the content of its layers.
   *
   * @param progress of reading the content
   */
  public static RootReport withContent(Path path, boolean isIndexTrusted, ContentProgress progress)
      throws IOException, UnusableRootException {
    try (RootInspection root = RootInspection.open(path)) {
      return new RootCheck(root, isIndexTrusted, Optional.of(progress)).run();
    }
  }

  static RootReport of(
      RootInspection root, boolean isIndexTrusted, Optional<ContentProgress> progress)
      throws IOException {
    return new RootCheck(root, isIndexTrusted, progress).run();
  }

  private static RootReport of(RootInspection root, boolean isIndexTrusted) throws IOException {
    return of(root, isIndexTrusted, Optional.empty());
  }

  private RootReport run() throws IOException {
    RootInspection.Format format = root.format();
    if (format instanceof RootInspection.Format.Later later) {
      return new RootReport(
          List.of(new RootFinding.Format(later.sentence(), true)), Optional.empty());
    }
    if (format instanceof RootInspection.Format.Damaged damaged) {
      findings.add(new RootFinding.Format(damaged.sentence(), false));
    }
    checkPlace("", root.directory(), PRIVATE_MODE);
    checkFiles();
    Optional<MetadataReport> metadata = readMetadata();
    boolean isBeingMade = isBeingMade(format, metadata);
    if (isBeingMade) {
      findings.add(new RootFinding.FirstStart());
    }
    checkDirectories(isBeingMade);
    metadata.ifPresent(this::checkMetadata);
    // Without metadata, all directories are unknown.
    Optional<Contents> contents =
        metadata.isEmpty() ? Optional.of(Contents.empty()) : metadata.get().contents();
    if (contents.isPresent() && isDirectory(SNAPSHOTS)) {
      checkSnapshots(contents.get(), isNative(format));
    }
    if (contents.isPresent()) {
      new LayersCheck(root, findings).run(contents.get().records().values());
    }
    if (progress.isPresent()) {
      new ContentCheck(root, findings, progress.get()).run();
    }
    checkRest();
    return new RootReport(findings, metadata);
  }

  private static boolean isNative(RootInspection.Format format) {
    return format instanceof RootInspection.Format.Known known
        && known.driver().equals(Optional.of(DriverName.NATIVE.configName()));
  }

  /**
   * {@return whether the first start did not finish} Its last write is the driver, once all else is
   * durable; only then are requests served.
   */
  private boolean isBeingMade(RootInspection.Format format, Optional<MetadataReport> metadata)
      throws ErrnoException {
    boolean isWithoutDriver =
        switch (format) {
          case RootInspection.Format.Unwritten _ -> true;
          case RootInspection.Format.Known(Optional<String> driver) -> driver.isEmpty();
          case RootInspection.Format.Damaged _, RootInspection.Format.Later _ -> false;
        };
    return isWithoutDriver
        && (!isDirectory(SNAPSHOTS) || root.names(SNAPSHOTS).isEmpty())
        && metadata.stream().allMatch(RootCheck::isUnused);
  }

  private static boolean isUnused(MetadataReport metadata) {
    return metadata
        .contents()
        .filter(contents -> contents.isComplete() && contents.records().isEmpty())
        .isPresent();
  }

  // The root itself.

  private void checkFiles() throws ErrnoException {
    for (Map.Entry<LinuxPath, Integer> file : RootInspection.files().entrySet()) {
      Optional<FileStatus> status = root.status(file.getKey());
      if (status.isPresent()) {
        places.check(file.getKey().toString(), status.get(), NodeType.REGULAR, file.getValue());
      }
    }
  }

  private void checkDirectories(boolean isBeingMade) throws ErrnoException {
    for (Map.Entry<LinuxPath, Integer> directory : RootInspection.directories().entrySet()) {
      String name = directory.getKey().toString();
      Optional<FileStatus> status = root.status(directory.getKey());
      if (status.isPresent()) {
        places.check(name, status.get(), NodeType.DIRECTORY, directory.getValue());
      } else if (!isBeingMade) {
        findings.add(new RootFinding.Absent(name));
      }
    }
    // Created together with the first layer.
    Optional<FileStatus> layers = root.status(Root.LAYERS);
    if (layers.isPresent()) {
      places.check(Root.LAYERS.toString(), layers.get(), NodeType.DIRECTORY, PRIVATE_MODE);
    }
  }

  private void checkPlace(String place, Fd file, int mode) throws ErrnoException {
    places.check(place.isEmpty() ? "." : place, Stat.statx(file), NodeType.DIRECTORY, mode);
  }

  private boolean isDirectory(LinuxPath name) throws ErrnoException {
    return root.status(name).filter(status -> status.type() == NodeType.DIRECTORY).isPresent();
  }

  private Optional<MetadataReport> readMetadata() throws IOException {
    if (!isDirectory(METADATA)) {
      return Optional.empty();
    }
    Path path = root.path().resolve(METADATA.toString());
    return Optional.of(isIndexTrusted ? MetadataCheck.of(path) : MetadataCheck.withoutIndex(path));
  }

  private void checkMetadata(MetadataReport report) {
    report.findings().stream().map(RootFinding.Metadata::new).forEach(findings::add);
    report.contents().stream()
        .flatMap(contents -> contents.losses().stream())
        .map(RootFinding.Lost::new)
        .forEach(findings::add);
  }

  private void checkRest() throws ErrnoException {
    Set<LinuxPath> known = new TreeSet<>(RootInspection.directories().keySet());
    known.addAll(RootInspection.files().keySet());
    known.add(Root.LAYERS);
    known.add(Root.MAPPED);
    known.add(Root.SUPERSEDED);
    for (LinuxPath name : root.names(LinuxPath.EMPTY)) {
      if (!known.contains(name) && !RootInspection.isIncidental(name)) {
        findings.add(strange(name.toString()));
      }
    }
    if (isDirectory(TRASH)) {
      for (LinuxPath name : root.names(TRASH)) {
        findings.add(
            new RootFinding.Notice("trash/" + name, "it will be deleted after the next start"));
      }
    }
    if (isDirectory(EMPTY)) {
      for (LinuxPath name : root.names(EMPTY)) {
        findings.add(new RootFinding.NotEmpty("empty/" + name));
      }
    }
  }

  /** {@return the finding about a file that no daemon created} */
  static RootFinding strange(String place) {
    return new RootFinding.Notice(
        place,
        place.endsWith(KEPT_SUFFIX)
            ? "a repair has set this aside; delete it once nothing in it is needed"
            : "this does not belong to Gatun");
  }

  // Snapshots.

  private void checkSnapshots(Contents contents, boolean isNative) throws ErrnoException {
    Set<Long> directories = new TreeSet<>();
    for (LinuxPath name : root.names(SNAPSHOTS)) {
      long id = Root.snapshotId(name);
      if (id != Root.NO_SNAPSHOT) {
        directories.add(id);
      } else {
        findings.add(strange("snapshots/" + name));
      }
    }
    try (Fd snapshots = root.openDirectory(SNAPSHOTS)) {
      for (SnapshotRecord record : contents.records().values()) {
        if (directories.remove(record.id())) {
          checkSnapshot(snapshots, record, isNative);
        } else {
          findings.add(new RootFinding.MissingFiles(record, "snapshots/" + record.id()));
        }
      }
    }
    for (long id : directories) {
      findings.add(
          id < contents.idLimit()
              ? new RootFinding.Orphan(id)
              : new RootFinding.UnknownId(id, contents.idLimit()));
    }
  }

  private void checkSnapshot(Fd snapshots, SnapshotRecord record, boolean isNative)
      throws ErrnoException {
    LinuxPath name = Root.snapshotName(record.id());
    String place = "snapshots/" + name;
    FileStatus status = Stat.statx(snapshots, name, AtFlag.SYMLINK_NOFOLLOW);
    boolean isIndexed = record.form() instanceof LayerForm.Indexed;
    if (isIndexed && status.mountId() != Stat.statx(snapshots).mountId()) {
      // A mount that a daemon left behind covers the directory.
      return;
    }
    places.check(place, status, NodeType.DIRECTORY, PRIVATE_MODE);
    if (status.type() != NodeType.DIRECTORY) {
      findings.add(new RootFinding.MissingFiles(record, place));
      return;
    }
    if (isIndexed) {
      return;
    }
    LinuxPath files = name.resolve(FILES);
    // The layer decides the mode and owner of its root directory.
    if (Stat.tryStatx(snapshots, files, AtFlag.SYMLINK_NOFOLLOW)
        .filter(found -> found.type() == NodeType.DIRECTORY)
        .isEmpty()) {
      findings.add(new RootFinding.MissingFiles(record, place + "/fs"));
      return;
    }
    if (!isNative
        && record.kind() == Kind.ACTIVE
        && Stat.tryStatx(snapshots, name.resolve(WORK), AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      findings.add(new RootFinding.MissingWork(record));
    }
    checkUsage(snapshots, files, record);
  }

  private void checkUsage(Fd snapshots, LinuxPath files, SnapshotRecord record)
      throws ErrnoException {
    Usage recorded = record.usage();
    if (recorded == null || record.kind() != Kind.COMMITTED) {
      return;
    }
    try (Fd top =
        Fcntl.openat(
            snapshots, files, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW)) {
      Usage counted = TreeUsage.of(top);
      if (!counted.equals(recorded)) {
        findings.add(new RootFinding.WrongUsage(record, recorded, counted));
      }
    }
  }
}
