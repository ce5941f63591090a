package io.gatun.server.crash;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Stat;
import io.gatun.server.crash.Violation.Promise;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/**
 * Compares a daemon's state after a crash with its clients' knowledge.
 *
 * <p>Each snapshot may be in one or two states: the result of the last acknowledged request, or
 * that of the request after it, which was never answered. All visible properties must match one of
 * them: a commit that has created the new name but kept the old key, for instance, matches neither.
 */
final class Audit {

  /** The extent of a loss: the processes that wrote, or the machine. */
  enum Crash {
    /** The kernel keeps everything that was ever written. */
    OF_THE_DAEMON,
    /** Unsynced data is lost; the files of an active snapshot are never synced. */
    OF_THE_MACHINE
  }

  private static final int MODE_AS_MADE = 0755;
  private static final String INDEX = "index-";

  private static final long DELETION_NANOS_MAX = TimeUnit.MINUTES.toNanos(5);

  private final Snapshotter snapshots;
  private final Path root;
  private final Crash crash;
  private final List<Violation> violations = new ArrayList<>();
  private final Map<String, SnapshotInfo> found = new HashMap<>();
  private final Map<Slot, State> states = new LinkedHashMap<>();
  private final Set<Long> ids = new HashSet<>();

  private Audit(Snapshotter snapshots, Path root, Crash crash) {
    this.snapshots = snapshots;
    this.root = root;
    this.crash = crash;
  }

  /**
   * The result of an audit.
   *
   * @param violations broken promises
   * @param states the state of each existing snapshot
   * @param ids every id that a client may have seen so far
   * @param tars the number of indexed layers
   */
  record Result(List<Violation> violations, Map<Slot, State> states, Set<Long> ids, int tars) {

    /** {@return the result for a root of which nothing is known, with these violations} */
    static Result nothing(List<Violation> violations) {
      return new Result(violations, Map.of(), Set.of(), 0);
    }

    /** {@return this result with further violations} */
    Result with(List<Violation> more) {
      List<Violation> all = new ArrayList<>(violations);
      all.addAll(more);
      return new Result(List.copyOf(all), states, ids, tars);
    }

    /** {@return the ledger for later requests} */
    Ledger continued(LongSupplier clock) {
      Ledger ledger = new Ledger(clock, ids);
      states.forEach((slot, state) -> ledger.adopt(slot.key(), slot.name(), state));
      return ledger;
    }
  }

  /**
   * Audits a daemon that was just started.
   *
   * @param instant when everything stopped
   */
  static Result of(Snapshotter snapshots, Path root, Ledger ledger, long instant, Crash crash)
      throws IOException {
    Audit audit = new Audit(snapshots, root, crash);
    audit.ids.addAll(ledger.ids(instant));
    snapshots.list(List.of(), info -> audit.take(info));
    for (Slot slot : ledger.slots()) {
      audit.check(slot, slot.claim(instant));
    }
    audit.found.values().forEach(audit::reportUnknown);
    // First, since the first request for a snapshot makes the daemon create others in advance.
    audit.checkLeaks();
    audit.checkNewId();
    List<Path> tars = audit.tars();
    audit.checkTars(tars);
    return new Result(audit.violations, audit.states, audit.ids, tars.size());
  }

  private void take(SnapshotInfo info) {
    if (found.put(info.name(), info) != null) {
      report(Promise.ACKNOWLEDGED_IS_DURABLE, "%s is listed twice".formatted(info));
    }
  }

  private void reportUnknown(SnapshotInfo info) {
    report(Promise.ACKNOWLEDGED_IS_DURABLE, "no client requested %s".formatted(info));
  }

  private void check(Slot slot, Slot.Claim nameLock) throws IOException {
    SnapshotInfo underKey = found.remove(slot.key());
    SnapshotInfo underName = found.remove(slot.name());
    if (underKey != null && underName != null) {
      report(
          Promise.ACKNOWLEDGED_IS_DURABLE, "%s is there twice: %s".formatted(underKey, underName));
      return;
    }
    Optional<SnapshotInfo> info = Optional.ofNullable(underKey == null ? underName : underKey);
    List<State> possible = new ArrayList<>(List.of(nameLock.certain()));
    nameLock.pending().ifPresent(possible::add);
    Optional<State> state = possible.stream().filter(each -> isSeenAs(each, info)).findFirst();
    if (state.isEmpty()) {
      report(
          Promise.ACKNOWLEDGED_IS_DURABLE,
          "%s is %s and was to be one of %s"
              .formatted(slot, info.map(Object::toString).orElse("not there"), possible));
    } else if (state.get() instanceof State.Present present) {
      states.put(slot, checkPresent(slot, present));
    }
  }

  private static boolean isSeenAs(State state, Optional<SnapshotInfo> info) {
    return switch (state) {
      case State.Absent absent -> info.isEmpty();
      case State.Present present -> info.filter(present::matches).isPresent();
    };
  }

  /** {@return the state with current knowledge added} */
  private State checkPresent(Slot slot, State.Present expected) throws IOException {
    State.Present present = expected;
    try {
      SnapshotInfo info = snapshots.stat(present.name());
      if (!present.matches(info)) {
        report(Promise.ACKNOWLEDGED_IS_DURABLE, "%s is %s by Stat".formatted(present, info));
      }
      present = present.withInfo(info);
      switch (present.kind()) {
        case ACTIVE -> present = checkActive(present);
        case VIEW -> checkDirectory(MountedFiles.of(snapshots.mounts(present.name())).own());
        case COMMITTED -> checkLayer(present);
      }
    } catch (SnapshotException.NotFound e) {
      report(Promise.DIRECTORY_IS_THERE, "%s: %s".formatted(slot, e));
    }
    return present;
  }

  private State.Present checkActive(State.Present active) throws IOException {
    MountedFiles files = MountedFiles.of(snapshots.mounts(active.name()));
    if (active.id() == State.Present.UNKNOWN_ID) {
      if (!ids.add(files.id())) {
        report(Promise.ID_IS_NEW, "%s has got id %d".formatted(active, files.id()));
      }
    } else if (active.id() != files.id()) {
      report(Promise.ACKNOWLEDGED_IS_DURABLE, "%s lies in %s".formatted(active, files));
    }
    State.Present known = active.withId(files.id());
    checkDirectory(files.own());
    checkDirectory(files.own().resolveSibling("work"));
    if (crash == Crash.OF_THE_DAEMON) {
      checkFiles(Promise.DIRECTORY_IS_THERE, known);
      return known;
    }
    if (known.layer().isPresent()) {
      checkFiles(Promise.UNPACKED_IS_DURABLE, known);
      return known;
    }
    // The client has to write it again: the durable part of it is no layer.
    return known.withRemains(remains(files.own()));
  }

  /** {@return the content of an active snapshot's directory, if it is not pristine} */
  private static Optional<TreeDigest> remains(Path own) throws IOException {
    if (!Files.isDirectory(own)) {
      return Optional.empty();
    }
    TreeDigest found = TreeDigest.of(own);
    boolean isAsMade =
        found.lines().isEmpty()
            && Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(own)).mode() == MODE_AS_MADE;
    return isAsMade ? Optional.empty() : Optional.of(found);
  }

  private void checkDirectory(Path directory) {
    if (!Files.isDirectory(directory)) {
      report(Promise.DIRECTORY_IS_THERE, "there is no directory %s".formatted(directory));
    }
  }

  /** An indexed layer is mounted only while a snapshot uses it. */
  private void checkLayer(State.Present committed) throws IOException {
    if (committed.layer().isEmpty() || holdsFiles(own(committed))) {
      checkFiles(Promise.LAYER_IS_WHOLE, committed);
      return;
    }
    String key = "audit/of " + committed.name();
    try {
      snapshots.view(key, committed.name(), Map.of());
    } catch (SnapshotException e) {
      report(Promise.LAYER_IS_WHOLE, "%s cannot be seen: %s".formatted(committed.name(), e));
      return;
    }
    // A layer without files is not mounted.
    if (committed.files().filter(files -> !files.lines().isEmpty()).isPresent()) {
      checkFiles(Promise.LAYER_IS_WHOLE, committed);
    }
    snapshots.remove(key);
  }

  private static boolean holdsFiles(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return false;
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files.findAny().isPresent();
    }
  }

  private Path own(State.Present present) {
    return root.resolve("snapshots/%d/fs".formatted(present.id()));
  }

  private void checkFiles(Promise promise, State.Present present) throws IOException {
    if (present.files().isEmpty()) {
      return;
    }
    Path own = own(present);
    if (!Files.isDirectory(own)) {
      report(
          Promise.DIRECTORY_IS_THERE,
          "%s: there is no directory %s".formatted(present.name(), own));
      return;
    }
    List<String> differences = present.files().get().differences(TreeDigest.of(own));
    if (!differences.isEmpty()) {
      report(promise, "%s in %s: %s".formatted(present.name(), own, differences));
    }
  }

  private void checkNewId() {
    String key = "audit/of a new id";
    long id = MountedFiles.of(snapshots.prepare(key, "", Map.of())).id();
    if (!ids.add(id)) {
      report(Promise.ID_IS_NEW, "id %d was given again".formatted(id));
    }
    snapshots.remove(key);
  }

  /**
   * Removed directories must be deleted without a further request. They are not if the metadata are
   * older than the directories, but that was detected before.
   */
  private void checkLeaks() throws IOException {
    long deadline = System.nanoTime() + (violations.isEmpty() ? DELETION_NANOS_MAX : 0);
    Leftovers left = leftovers();
    while (!left.isNothing() && System.nanoTime() < deadline) {
      DaemonUnderTest.pause(1);
      left = leftovers();
    }
    if (!left.isNothing()) {
      report(Promise.NOTHING_LEAKS, "there are %s".formatted(left));
    }
    snapshots.cleanup();
    Leftovers afterwards = leftovers();
    if (!afterwards.isNothing()) {
      report(Promise.NOTHING_LEAKS, "there are %s after a cleanup".formatted(afterwards));
    }
  }

  /**
   * The contents of a root at one time.
   *
   * @param listed the existing snapshots
   */
  private record Leftovers(List<Path> directories, List<Path> trash, List<String> listed) {

    boolean isNothing() {
      return directories.size() == listed.size() && trash.isEmpty();
    }
  }

  /** {@return the contents, the trash last, since deletion moves directories there} */
  private Leftovers leftovers() throws IOException {
    List<String> listed = new ArrayList<>();
    snapshots.list(List.of(), info -> listed.add(info.name()));
    List<Path> directories = entries("snapshots");
    return new Leftovers(directories, entries("trash"), listed);
  }

  private List<Path> tars() throws IOException {
    return Files.exists(root.resolve("layers")) ? entries("layers") : List.of();
  }

  private void checkTars(List<Path> tars) throws IOException {
    Set<String> needed = new HashSet<>();
    for (State state : states.values()) {
      if (state instanceof State.Present present) {
        present.layer().map(Layer::diffId).ifPresent(needed::add);
      }
    }
    for (Path layer : tars) {
      if (!needed.contains("sha256:" + layer.getFileName())) {
        report(Promise.NOTHING_LEAKS, "no snapshot has %s for its layer".formatted(layer));
      }
      checkTar(layer);
    }
  }

  /** Each file's name states its content; the directory's name states that of the tar. */
  private void checkTar(Path layer) throws IOException {
    try (Stream<Path> files = Files.list(layer)) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString();
        if (name.equals("tar")) {
          checkContent(file, layer.getFileName().toString());
        } else if (name.startsWith(INDEX)) {
          checkContent(file, name.substring(INDEX.length()));
        }
      }
    }
  }

  private void checkContent(Path file, String expected) throws IOException {
    MessageDigest content = Digest.sha256();
    content.update(Files.readAllBytes(file));
    Digest found = Digest.of(content);
    if (!found.hex().equals(expected)) {
      report(Promise.TAR_IS_WHOLE, "%s has %s".formatted(file, found));
    }
  }

  private List<Path> entries(String name) throws IOException {
    try (Stream<Path> entries = Files.list(root.resolve(name))) {
      return entries.toList();
    }
  }

  private void report(Promise promise, String sentence) {
    violations.add(new Violation(promise, sentence));
  }
}
