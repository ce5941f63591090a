package io.gatun.snapshot.containerd;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * containerd's metadata store behind our interface.
 *
 * <p>It differs from what we promise in three points, which are evened out here: it knows no parent
 * at commit, which came with release 2.2; before the first snapshot it answers List with an error;
 * and it takes the record that it is about to write for the one to commit if key and name are the
 * same and unknown.
 */
public final class ContainerdSnapshotter implements Snapshotter, AutoCloseable {

  private final Oracle oracle;

  private ContainerdSnapshotter(Oracle oracle) {
    this.oracle = oracle;
  }

  /** {@return an empty one; Go and containerd's sources have to be there} */
  public static ContainerdSnapshotter start() throws Exception {
    return new ContainerdSnapshotter(Oracle.start());
  }

  @Override
  public List<Mount> prepare(String key, String parent, Map<String, String> labels) {
    ask("prepare", Oracle.written(key), Oracle.written(parent), Oracle.written(labels));
    return mounts(key);
  }

  @Override
  public List<Mount> view(String key, String parent, Map<String, String> labels) {
    ask("view", Oracle.written(key), Oracle.written(parent), Oracle.written(labels));
    return mounts(key);
  }

  /** Names where real mounts have directories. */
  @Override
  public List<Mount> mounts(String key) {
    List<String> chain = ask("chain", Oracle.written(key));
    return List.of(
        Mount.ofRoot(
            Kind.valueOf(chain.getFirst()).filterName(),
            key,
            chain.stream().skip(1).map(Oracle::read).toList()));
  }

  @Override
  public void commit(String name, String key, String parent, Map<String, String> labels) {
    if (!parent.isEmpty()) {
      throw new SnapshotException.Unsupported("commit with a parent");
    }
    if (name.equals(key)) {
      stat(key);
    }
    ask("commit", Oracle.written(name), Oracle.written(key), Oracle.written(labels));
  }

  @Override
  public void remove(String key) {
    ask("remove", Oracle.written(key));
  }

  @Override
  public SnapshotInfo stat(String key) {
    return info(ask("stat", Oracle.written(key)).getFirst());
  }

  @Override
  public SnapshotInfo update(String name, Map<String, String> labels, List<String> fieldPaths) {
    return info(
        ask("update", Oracle.written(name), Oracle.written(labels), Oracle.written(fieldPaths))
            .getFirst());
  }

  @Override
  public void list(List<String> filters, Consumer<SnapshotInfo> visitor) {
    List<String> infos;
    try {
      infos = ask("list", Oracle.written(filters));
    } catch (SnapshotException.NotFound e) {
      return;
    }
    infos.forEach(info -> visitor.accept(info(info)));
  }

  @Override
  public Usage usage(String key) {
    stat(key);
    return new Usage(0, 0);
  }

  @Override
  public void cleanup() {}

  private List<String> ask(String... request) {
    try {
      return oracle.ask(request);
    } catch (Oracle.Refusal e) {
      String message = String.valueOf(e.getMessage());
      throw switch (e.errorClass()) {
        case "NotFound" -> new SnapshotException.NotFound(message);
        case "AlreadyExists" -> new SnapshotException.AlreadyExists(message);
        case "InvalidArgument" -> new SnapshotException.InvalidArgument(message);
        case "FailedPrecondition" -> new SnapshotException.FailedPrecondition(message);
        default -> new SnapshotException.StorageFailure(String.join(" ", request), e);
      };
    }
  }

  private static SnapshotInfo info(String written) {
    String[] fields = written.split(";", -1);
    Map<String, String> labels = new HashMap<>();
    String[] pairs = fields[3].isEmpty() ? new String[0] : fields[3].split(",", -1);
    for (int i = 0; i + 1 < pairs.length; i += 2) {
      labels.put(Oracle.read(pairs[i]), Oracle.read(pairs[i + 1]));
    }
    return new SnapshotInfo(
        Kind.valueOf(fields[0]),
        Oracle.read(fields[1]),
        Oracle.read(fields[2]),
        labels,
        time(fields[4]),
        time(fields[5]));
  }

  private static Instant time(String nanos) {
    return Instant.EPOCH.plusNanos(Long.parseLong(nanos));
  }

  @Override
  public void close() {
    oracle.close();
  }
}
