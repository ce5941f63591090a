package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.filter.Filters;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * What a snapshotter answers, in the plainest way to say it: one sorted map, no disk, no threads.
 *
 * <p>The rules are those of containerd's {@code snapshots/storage/bolt.go}, in the order in which
 * it checks them, and those of rebase from its release 2.2. On top of that come the limits on
 * arguments that Gatun has at its own door. Time is a counter, so that two changes never have the
 * same.
 */
class ModelSnapshotter implements Snapshotter {

  static final int KEY_BYTES_MAX = 32_768;
  static final int LABEL_BYTES_MAX = 4096;

  private static final String LABELS = "labels";
  private static final String LABEL_PREFIX = "labels.";

  /** What is known of a snapshot; its files are names only. */
  record Entry(
      Kind kind, String parent, Map<String, String> labels, Instant created, Instant updated) {

    Entry withKind(Kind newKind) {
      return new Entry(newKind, parent, labels, created, updated);
    }

    Entry withParent(String newParent) {
      return new Entry(kind, newParent, labels, created, updated);
    }

    Entry withLabels(Map<String, String> newLabels) {
      return new Entry(kind, parent, newLabels, created, updated);
    }

    Entry withCreated(Instant time) {
      return new Entry(kind, parent, labels, time, updated);
    }

    Entry withUpdated(Instant time) {
      return new Entry(kind, parent, labels, created, time);
    }
  }

  final TreeMap<String, Entry> entries = new TreeMap<>();
  private final boolean canRebase;
  private Instant now = Instant.EPOCH;

  /** One that can put a snapshot on a parent when it is committed. */
  ModelSnapshotter() {
    this(true);
  }

  ModelSnapshotter(boolean canRebase) {
    this.canRebase = canRebase;
  }

  /** {@return another one in the same state} */
  ModelSnapshotter copy() {
    ModelSnapshotter copy = new ModelSnapshotter(canRebase);
    copy.entries.putAll(entries);
    copy.now = now;
    return copy;
  }

  /** {@return what is known of all snapshots} */
  List<SnapshotInfo> infos() {
    return entries.keySet().stream().map(this::info).toList();
  }

  @Override
  public List<Mount> prepare(String key, String parent, Map<String, String> labels) {
    return create(Kind.ACTIVE, key, parent, labels);
  }

  @Override
  public List<Mount> view(String key, String parent, Map<String, String> labels) {
    return create(Kind.VIEW, key, parent, labels);
  }

  List<Mount> create(Kind kind, String key, String parent, Map<String, String> labels) {
    requireCreation(key, parent, labels);
    if (!parent.isEmpty()) {
      Entry parentEntry = entries.get(parent);
      if (parentEntry == null) {
        throw new SnapshotException.NotFound("prepare: missing parent");
      }
      if (parentEntry.kind() != Kind.COMMITTED) {
        throw new SnapshotException.InvalidArgument("prepare: parent is not committed");
      }
    }
    if (entries.containsKey(key)) {
      throw new SnapshotException.AlreadyExists("prepare: key is taken");
    }
    Instant time = tick();
    entries.put(key, new Entry(kind, parent, withoutEmpty(labels), time, time));
    return mounts(key);
  }

  /** The mounts of the model name snapshots where real ones name directories. */
  @Override
  public List<Mount> mounts(String key) {
    requireKey(key);
    Entry entry = require("mounts", key);
    if (entry.kind() == Kind.COMMITTED) {
      throw new SnapshotException.FailedPrecondition("mounts: snapshot is committed");
    }
    return List.of(Mount.ofRoot(entry.kind().filterName(), key, chain(entry)));
  }

  /** {@return the names of the parents of a snapshot, nearest first} */
  List<String> chain(Entry entry) {
    List<String> chain = new ArrayList<>();
    String parent = entry.parent();
    while (!parent.isEmpty()) {
      chain.add(parent);
      parent = require("chain", parent).parent();
    }
    return chain;
  }

  @Override
  public void commit(String name, String key, String parent, Map<String, String> labels) {
    requireKey(name);
    requireCreation(key, parent, labels);
    if (entries.containsKey(name)) {
      throw new SnapshotException.AlreadyExists("commit: name is taken");
    }
    Entry active = require("commit", key);
    if (active.kind() != Kind.ACTIVE) {
      throw new SnapshotException.FailedPrecondition("commit: snapshot is not active");
    }
    String newParent = active.parent();
    if (!parent.isEmpty() && !parent.equals(active.parent())) {
      if (!active.parent().isEmpty()) {
        throw new SnapshotException.InvalidArgument("commit: snapshot has another parent");
      }
      if (require("commit: parent", parent).kind() != Kind.COMMITTED) {
        throw new SnapshotException.FailedPrecondition("commit: parent is not committed");
      }
      if (!canRebase) {
        throw new SnapshotException.Unsupported("commit: on another parent");
      }
      newParent = parent;
    }
    Instant time = tick();
    entries.remove(key);
    entries.put(name, new Entry(Kind.COMMITTED, newParent, withoutEmpty(labels), time, time));
  }

  @Override
  public void remove(String key) {
    requireKey(key);
    require("remove", key);
    if (hasChildren(key)) {
      throw new SnapshotException.FailedPrecondition("cannot remove snapshot with child");
    }
    entries.remove(key);
  }

  boolean hasChildren(String name) {
    return entries.values().stream().anyMatch(entry -> entry.parent().equals(name));
  }

  @Override
  public SnapshotInfo stat(String key) {
    requireKey(key);
    require("stat", key);
    return info(key);
  }

  @Override
  public SnapshotInfo update(String name, Map<String, String> labels, List<String> fieldPaths) {
    requireKey(name);
    requireLabels(labels);
    Entry entry = require("update", name);
    Map<String, String> updated = new TreeMap<>(fieldPaths.isEmpty() ? labels : entry.labels());
    for (String path : fieldPaths) {
      if (path.equals(LABELS)) {
        updated = new TreeMap<>(labels);
      } else if (path.startsWith(LABEL_PREFIX)) {
        String key = path.substring(LABEL_PREFIX.length());
        updated.put(key, labels.getOrDefault(key, ""));
      } else {
        throw new SnapshotException.InvalidArgument("update: cannot update " + path);
      }
    }
    entries.put(
        name,
        new Entry(entry.kind(), entry.parent(), withoutEmpty(updated), entry.created(), tick()));
    return info(name);
  }

  @Override
  public void list(List<String> filters, Consumer<SnapshotInfo> visitor) {
    Predicate<SnapshotInfo> filter = Filters.parse(filters);
    infos().stream().filter(filter).forEach(visitor);
  }

  /**
   * How much space files take is for a disk to say; the model only knows whether there is a
   * snapshot.
   */
  @Override
  public Usage usage(String key) {
    requireKey(key);
    require("usage", key);
    return new Usage(0, 0);
  }

  @Override
  public void cleanup() {}

  SnapshotInfo info(String name) {
    Entry entry = require("info", name);
    return new SnapshotInfo(
        entry.kind(), name, entry.parent(), entry.labels(), entry.created(), entry.updated());
  }

  /** {@return what is known of a snapshot, which has to be there} */
  Entry require(String operation, String key) {
    Entry entry = entries.get(key);
    if (entry == null) {
      throw new SnapshotException.NotFound(operation + ": snapshot does not exist");
    }
    return entry;
  }

  Instant tick() {
    now = now.plusSeconds(1);
    return now;
  }

  /** A label with an empty value is none. */
  static Map<String, String> withoutEmpty(Map<String, String> labels) {
    Map<String, String> kept = new TreeMap<>(labels);
    kept.values().removeIf(String::isEmpty);
    return kept;
  }

  void requireCreation(String key, String parent, Map<String, String> labels) {
    requireKey(key);
    requireParent(parent);
    requireLabels(labels);
  }

  void requireKey(String key) {
    if (key.isEmpty()) {
      throw new SnapshotException.InvalidArgument("key is empty");
    }
    requireParent(key);
  }

  private static void requireParent(String parent) {
    if (bytes(parent) > KEY_BYTES_MAX || parent.indexOf('\0') >= 0 || !isText(parent)) {
      throw new SnapshotException.InvalidArgument("malformed key");
    }
  }

  void requireLabels(Map<String, String> labels) {
    labels.forEach(
        (key, value) -> {
          if (key.isEmpty()
              || bytes(key) + bytes(value) > LABEL_BYTES_MAX
              || !isText(key)
              || !isText(value)) {
            throw new SnapshotException.InvalidArgument("malformed label");
          }
        });
  }

  private static int bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  private static boolean isText(String text) {
    return StandardCharsets.UTF_8.newEncoder().canEncode(text);
  }
}
