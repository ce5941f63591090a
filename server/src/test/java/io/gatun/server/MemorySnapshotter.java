package io.gatun.server;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;

/**
 * In-memory snapshots with containerd's rules for the order of calls. Calls can be blocked, to test
 * what waits for them; exceptions are Stat, Mounts of a view, List with filters, and refusals.
 */
public final class MemorySnapshotter implements Snapshotter {

  private final TreeMap<String, SnapshotInfo> snapshots = new TreeMap<>();
  private final Semaphore gate = new Semaphore(Integer.MAX_VALUE);

  /** Blocks calls until {@link #open}. */
  public void close() {
    gate.drainPermits();
  }

  public void open() {
    gate.release(Integer.MAX_VALUE - gate.availablePermits());
  }

  public boolean isEmpty() {
    synchronized (snapshots) {
      return snapshots.isEmpty();
    }
  }

  /** {@return the number of blocked calls} */
  public int waiting() {
    return gate.getQueueLength();
  }

  @Override
  public List<Mount> prepare(String key, String parent, Map<String, String> labels) {
    return create(Kind.ACTIVE, key, parent, labels);
  }

  @Override
  public List<Mount> view(String key, String parent, Map<String, String> labels) {
    return create(Kind.VIEW, key, parent, labels);
  }

  @Override
  public Optional<List<Mount>> tryMountsWithoutIo(String key) {
    return stat(key).kind() == Kind.VIEW ? Optional.of(mounts(key)) : Optional.empty();
  }

  @Override
  public List<Mount> mounts(String key) {
    SnapshotInfo info = stat(key);
    if (info.kind() != Kind.VIEW) {
      pass();
    }
    if (info.kind() == Kind.COMMITTED) {
      throw new SnapshotException.FailedPrecondition("mounts: %s is committed".formatted(key));
    }
    return mountsOf(info);
  }

  @Override
  public void commit(String name, String key, String parent, Map<String, String> labels) {
    pass();
    synchronized (snapshots) {
      if (snapshots.containsKey(name)) {
        throw new SnapshotException.AlreadyExists("commit: %s exists".formatted(name));
      }
      SnapshotInfo active = stat(key);
      if (active.kind() != Kind.ACTIVE) {
        throw new SnapshotException.FailedPrecondition("commit: %s is not active".formatted(key));
      }
      String onto = parent.isEmpty() ? active.parent() : parent;
      if (!active.parent().isEmpty() && !active.parent().equals(onto)) {
        throw new SnapshotException.InvalidArgument("commit: %s has a parent".formatted(key));
      }
      if (!onto.isEmpty() && stat(onto).kind() != Kind.COMMITTED) {
        throw new SnapshotException.FailedPrecondition("commit: %s not committed".formatted(onto));
      }
      Instant now = Instant.now();
      snapshots.remove(key);
      snapshots.put(name, new SnapshotInfo(Kind.COMMITTED, name, onto, labels, now, now));
    }
  }

  @Override
  public void remove(String key) {
    pass();
    synchronized (snapshots) {
      stat(key);
      for (SnapshotInfo info : snapshots.values()) {
        if (info.parent().equals(key)) {
          throw new SnapshotException.FailedPrecondition(
              "cannot remove %s: it has children".formatted(key));
        }
      }
      snapshots.remove(key);
    }
  }

  @Override
  public SnapshotInfo stat(String key) {
    synchronized (snapshots) {
      SnapshotInfo info = snapshots.get(key);
      if (info == null) {
        throw new SnapshotException.NotFound("snapshot %s does not exist".formatted(key));
      }
      return info;
    }
  }

  @Override
  public SnapshotInfo update(String name, Map<String, String> labels, List<String> fieldPaths) {
    pass();
    synchronized (snapshots) {
      SnapshotInfo before = stat(name);
      Map<String, String> after = new HashMap<>(fieldPaths.isEmpty() ? Map.of() : before.labels());
      for (String path : fieldPaths.isEmpty() ? List.of("labels") : fieldPaths) {
        if (path.equals("labels")) {
          after.clear();
          after.putAll(labels);
        } else if (path.startsWith("labels.")) {
          String label = path.substring("labels.".length());
          after.remove(label);
          if (labels.containsKey(label)) {
            after.put(label, labels.get(label));
          }
        } else {
          throw new SnapshotException.InvalidArgument("update: cannot change " + path);
        }
      }
      SnapshotInfo changed =
          new SnapshotInfo(
              before.kind(), name, before.parent(), after, before.created(), Instant.now());
      snapshots.put(name, changed);
      return changed;
    }
  }

  @Override
  public void list(List<String> filters, Consumer<SnapshotInfo> visitor) {
    if (filters.isEmpty()) {
      pass();
    }
    if (filters.contains("bad")) {
      throw new SnapshotException.InvalidArgument("filters: bad");
    }
    List<SnapshotInfo> all;
    synchronized (snapshots) {
      all = new ArrayList<>(snapshots.values());
    }
    all.forEach(visitor);
  }

  @Override
  public Usage usage(String key) {
    pass();
    stat(key);
    return new Usage(3, 12_288);
  }

  @Override
  public void cleanup() {
    pass();
  }

  private List<Mount> create(Kind kind, String key, String parent, Map<String, String> labels) {
    if (key.isEmpty()) {
      throw new SnapshotException.InvalidArgument("there is no key");
    }
    pass();
    synchronized (snapshots) {
      if (!parent.isEmpty() && stat(parent).kind() != Kind.COMMITTED) {
        throw new SnapshotException.InvalidArgument("parent %s is not committed".formatted(parent));
      }
      if (snapshots.containsKey(key)) {
        throw new SnapshotException.AlreadyExists("snapshot %s exists".formatted(key));
      }
      Instant now = Instant.now();
      SnapshotInfo info = new SnapshotInfo(kind, key, parent, labels, now, now);
      snapshots.put(key, info);
      return mountsOf(info);
    }
  }

  private static List<Mount> mountsOf(SnapshotInfo info) {
    String mode = info.kind() == Kind.VIEW ? "ro" : "rw";
    return List.of(Mount.ofRoot("bind", "/snapshots/" + info.name(), List.of(mode, "rbind")));
  }

  private void pass() {
    gate.acquireUninterruptibly();
    gate.release();
  }
}
