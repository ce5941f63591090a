package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * One request to a snapshotter, or something that happens to the daemon or to the files of a
 * snapshot.
 */
sealed interface Operation {

  /**
   * {@return the same with other names}
   *
   * @param names what to replace each by; see {@link Names}
   */
  Operation renamed(UnaryOperator<String> names);

  /** A request, which both the model and the engine can answer. */
  sealed interface Request extends Operation {
    /** {@return the answer; lists in a fixed order} */
    Object on(Snapshotter snapshotter);

    @Override
    Request renamed(UnaryOperator<String> names);

    /** {@return the keys and names under which it may change something} */
    default Set<String> touched() {
      return switch (this) {
        case Prepare prepare -> Set.of(prepare.key());
        case View view -> Set.of(view.key());
        case Commit commit -> Set.of(commit.name(), commit.key());
        case Remove remove -> Set.of(remove.key());
        case Update update -> Set.of(update.name());
        case Mounts _, Stat _, ListAll _, UsageOf _, Cleanup _ -> Set.of();
      };
    }
  }

  record Prepare(String key, String parent, Map<String, String> labels) implements Request {
    @Override
    public Object on(Snapshotter snapshotter) {
      return snapshotter.prepare(key, parent, labels);
    }

    @Override
    public Request renamed(UnaryOperator<String> names) {
      return new Prepare(names.apply(key), names.apply(parent), labels);
    }
  }

  record View(String key, String parent, Map<String, String> labels) implements Request {
    @Override
    public Object on(Snapshotter snapshotter) {
      return snapshotter.view(key, parent, labels);
    }

    @Override
    public Request renamed(UnaryOperator<String> names) {
      return new View(names.apply(key), names.apply(parent), labels);
    }
  }

  record Mounts(String key) implements Request {
    @Override
    public Object on(Snapshotter snapshotter) {
      return snapshotter.mounts(key);
    }

    @Override
    public Request renamed(UnaryOperator<String> names) {
      return new Mounts(names.apply(key));
    }
  }

  record Commit(String name, String key, String parent, Map<String, String> labels)
      implements Request {
    @Override
    public Object on(Snapshotter snapshotter) {
      snapshotter.commit(name, key, parent, labels);
      return "committed";
    }

    @Override
    public Request renamed(UnaryOperator<String> names) {
      return new Commit(names.apply(name), names.apply(key), names.apply(parent), labels);
    }
  }

  record Remove(String key) implements Request {
    @Override
    public Object on(Snapshotter snapshotter) {
      snapshotter.remove(key);
      return "removed";
    }

    @Override
    public Request renamed(UnaryOperator<String> names) {
      return new Remove(names.apply(key));
    }
  }

  record Stat(String key) implements Request {
    @Override
    public Object on(Snapshotter snapshotter) {
      return snapshotter.stat(key);
    }

    @Override
    public Request renamed(UnaryOperator<String> names) {
      return new Stat(names.apply(key));
    }
  }

  record Update(String name, Map<String, String> labels, List<String> fieldPaths)
      implements Request {
    @Override
    public Object on(Snapshotter snapshotter) {
      return snapshotter.update(name, labels, fieldPaths);
    }

    @Override
    public Request renamed(UnaryOperator<String> names) {
      return new Update(names.apply(name), labels, fieldPaths);
    }
  }

  record ListAll(List<String> filters) implements Request {
    @Override
    public Object on(Snapshotter snapshotter) {
      List<SnapshotInfo> visited = new ArrayList<>();
      snapshotter.list(filters, visited::add);
      visited.sort(Comparator.comparing(SnapshotInfo::name));
      return visited;
    }

    @Override
    public Request renamed(UnaryOperator<String> names) {
      return this;
    }
  }

  record UsageOf(String key) implements Request {
    @Override
    public Object on(Snapshotter snapshotter) {
      return snapshotter.usage(key);
    }

    @Override
    public Request renamed(UnaryOperator<String> names) {
      return new UsageOf(names.apply(key));
    }
  }

  record Cleanup() implements Request {
    @Override
    public Object on(Snapshotter snapshotter) {
      snapshotter.cleanup();
      return "clean";
    }

    @Override
    public Request renamed(UnaryOperator<String> names) {
      return this;
    }
  }

  /**
   * A container or an unpacker creates a file in an active snapshot, if there is one of this key.
   */
  record Write(String key, String file) implements Operation {
    @Override
    public Operation renamed(UnaryOperator<String> names) {
      return new Write(names.apply(key), file);
    }
  }

  /** The daemon is stopped and started again. */
  record Restart() implements Operation {
    @Override
    public Operation renamed(UnaryOperator<String> names) {
      return this;
    }
  }
}
