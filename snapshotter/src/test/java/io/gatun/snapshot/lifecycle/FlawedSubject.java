package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** A snapshotter that is wrong in one way: what the comparison is tested with. */
final class FlawedSubject implements Subject {

  private final Flaw flaw;
  private final Flawed snapshotter = new Flawed();

  FlawedSubject(Flaw flaw) {
    this.flaw = flaw;
  }

  @Override
  public Snapshotter snapshotter() {
    return snapshotter;
  }

  @Override
  public void checkMounts(List<Mount> actual, List<Mount> expected) {
    assertThat(actual).isEqualTo(expected);
  }

  @Override
  public void checkUsage(Usage actual, String key, ModelSnapshotter model, ModelFiles files) {}

  @Override
  public void write(String key, String file, String content) {}

  @Override
  public void restart() {
    if (flaw == Flaw.LOSES_LABELS_ON_RESTART) {
      snapshotter.entries.replaceAll((key, entry) -> entry.withLabels(Map.of()));
    }
  }

  @Override
  public void checkInvariants(Operation last, ModelSnapshotter model, ModelFiles files) {}

  @Override
  public void close() {}

  /** The model, with the clock of a real one, and wrong where the flaw says so. */
  private final class Flawed extends ModelSnapshotter {

    @Override
    Instant tick() {
      return Instant.now();
    }

    @Override
    List<Mount> create(Kind kind, String key, String parent, Map<String, String> labels) {
      if (flaw == Flaw.CHECKS_KEY_BEFORE_PARENT && entries.containsKey(key)) {
        throw new SnapshotException.AlreadyExists(key);
      }
      if (flaw == Flaw.PREPARES_WITHOUT_PARENT && !entries.containsKey(parent)) {
        return super.create(kind, key, "", labels);
      }
      Entry parentEntry = entries.get(parent);
      if (flaw == Flaw.PREPARES_ON_ACTIVE_PARENT && parentEntry != null) {
        entries.put(parent, parentEntry.withKind(Kind.COMMITTED));
        try {
          return super.create(kind, key, parent, labels);
        } finally {
          entries.put(parent, parentEntry);
        }
      }
      boolean isView = kind == Kind.VIEW && flaw == Flaw.VIEWS_ARE_ACTIVE;
      List<Mount> mounts = super.create(isView ? Kind.ACTIVE : kind, key, parent, labels);
      if (flaw == Flaw.KEEPS_EMPTY_LABEL) {
        entries.computeIfPresent(key, (_, entry) -> entry.withLabels(labels));
      }
      return mounts;
    }

    @Override
    void requireKey(String key) {
      if (flaw == Flaw.ACCEPTS_OVERLONG_KEY && key.length() == KEY_BYTES_MAX + 1) {
        return;
      }
      super.requireKey(key);
    }

    @Override
    void requireLabels(Map<String, String> labels) {
      if (flaw != Flaw.ACCEPTS_OVERLONG_LABEL) {
        super.requireLabels(labels);
      }
    }

    @Override
    List<String> chain(Entry entry) {
      List<String> chain = super.chain(entry);
      return flaw == Flaw.REVERSES_CHAIN ? chain.reversed() : chain;
    }

    @Override
    public List<Mount> mounts(String key) {
      Entry entry = entries.get(key);
      if (flaw == Flaw.MOUNTS_COMMITTED && entry != null && entry.kind() == Kind.COMMITTED) {
        return List.of();
      }
      return super.mounts(key);
    }

    @Override
    public void commit(String name, String key, String parent, Map<String, String> labels) {
      if (flaw == Flaw.COMMIT_CHECKS_KEY_BEFORE_NAME) {
        super.usage(key);
      }
      Entry active = entries.get(key);
      String wanted = flaw == Flaw.COMMIT_IGNORES_PARENT ? "" : parent;
      boolean replaces = flaw == Flaw.COMMIT_REPLACES_PARENT && active != null && !parent.isEmpty();
      if (active != null && replaces) {
        entries.put(key, active.withParent(""));
      }
      boolean allows = flaw == Flaw.COMMITS_VIEW && active != null && active.kind() == Kind.VIEW;
      if (active != null && allows) {
        entries.put(key, active.withKind(Kind.ACTIVE));
      }
      super.commit(name, key, wanted, labels);
      if (active == null) {
        return;
      }
      if (flaw == Flaw.COMMIT_KEEPS_KEY) {
        entries.put(key, active);
      }
      if (flaw == Flaw.COMMIT_INHERITS_LABELS) {
        Map<String, String> all = new HashMap<>(active.labels());
        all.putAll(labels);
        entries.computeIfPresent(name, (_, entry) -> entry.withLabels(withoutEmpty(all)));
      }
      if (flaw == Flaw.COMMIT_KEEPS_CREATED) {
        entries.computeIfPresent(name, (_, entry) -> entry.withCreated(active.created()));
      }
    }

    @Override
    boolean hasChildren(String name) {
      return flaw != Flaw.REMOVES_WITH_CHILDREN && super.hasChildren(name);
    }

    @Override
    public void remove(String key) {
      if (flaw == Flaw.REMOVE_FORGIVES_UNKNOWN && !key.isEmpty() && !entries.containsKey(key)) {
        return;
      }
      try {
        super.remove(key);
      } catch (SnapshotException.FailedPrecondition e) {
        throw flaw == Flaw.REMOVE_SPEAKS_OF_CONFLICT
            ? new SnapshotException.FailedPrecondition("cannot remove: conflict")
            : e;
      }
    }

    @Override
    public SnapshotInfo update(String name, Map<String, String> labels, List<String> fieldPaths) {
      Entry before = entries.get(name);
      if (flaw == Flaw.UPDATE_CHANGES_PARENT_SILENTLY && fieldPaths.contains("parent")) {
        return super.update(name, labels, List.of("labels.a"));
      }
      if (flaw == Flaw.UPDATE_IGNORES_MASK && !fieldPaths.contains("parent")) {
        return super.update(name, labels, List.of());
      }
      if (flaw == Flaw.UPDATE_KEEPS_UNNAMED_VALUE) {
        return super.update(
            name,
            labels,
            fieldPaths.stream()
                .filter(
                    path -> !path.startsWith("labels.") || labels.containsKey(path.substring(7)))
                .toList());
      }
      super.update(name, labels, fieldPaths);
      if (before != null && flaw == Flaw.UPDATE_TOUCHES_CREATED) {
        entries.computeIfPresent(name, (_, entry) -> entry.withCreated(entry.updated()));
      }
      if (before != null && flaw == Flaw.UPDATE_FORGETS_UPDATED) {
        entries.computeIfPresent(name, (_, entry) -> entry.withUpdated(before.updated()));
      }
      return info(name);
    }

    @Override
    public void list(List<String> filters, Consumer<SnapshotInfo> visitor) {
      if (flaw == Flaw.LIST_TAKES_FILTERS_TOGETHER && filters.size() == 2) {
        super.list(List.of(filters.getFirst()), visitor);
        return;
      }
      try {
        super.list(filters, visitor);
      } catch (SnapshotException.InvalidArgument e) {
        if (flaw != Flaw.LIST_FORGIVES_BAD_FILTER) {
          throw e;
        }
      }
    }

    @Override
    public SnapshotInfo stat(String key) {
      SnapshotInfo info = super.stat(key);
      return flaw == Flaw.STAT_ROUNDS_TIME
          ? new SnapshotInfo(
              info.kind(),
              info.name(),
              info.parent(),
              info.labels(),
              info.created().truncatedTo(ChronoUnit.MILLIS),
              info.updated().truncatedTo(ChronoUnit.MILLIS))
          : info;
    }
  }
}
