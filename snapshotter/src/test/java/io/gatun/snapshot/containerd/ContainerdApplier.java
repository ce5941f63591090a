package io.gatun.snapshot.containerd;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * containerd's package archive, which writes layers for its overlay and its other snapshotters, and
 * makes them of what these mount.
 */
public final class ContainerdApplier implements AutoCloseable {

  private final Oracle oracle;

  private ContainerdApplier(Oracle oracle) {
    this.oracle = oracle;
  }

  /** {@return one that is ready; Go and containerd's sources have to be there} */
  public static ContainerdApplier start() throws Exception {
    return new ContainerdApplier(Oracle.start());
  }

  /**
   * Applies a layer as it does for an overlay: deletions become marks, and directories that the
   * layer does not name are as in the layers below.
   *
   * @param parents nearest first
   * @return what it has failed with, if it has
   */
  public Optional<String> applyToOverlay(Path root, Path tar, List<Path> parents) {
    return apply(
        "apply-overlay",
        Oracle.written(root.toString()),
        Oracle.written(tar.toString()),
        Oracle.written(parents.stream().map(Path::toString).toList()));
  }

  /**
   * Applies a layer as it does to what is mounted by anything else: what is deleted is removed.
   *
   * @return what it has failed with, if it has
   */
  public Optional<String> applyToCopy(Path root, Path tar) {
    return apply("apply-copy", Oracle.written(root.toString()), Oracle.written(tar.toString()));
  }

  /**
   * Makes a layer of what is mounted at one place, compared with what is mounted at another.
   *
   * @return what it has failed with, if it has
   */
  public Optional<String> diff(Path lower, Path upper, Path tar) {
    return apply(
        "diff",
        Oracle.written(lower.toString()),
        Oracle.written(upper.toString()),
        Oracle.written(tar.toString()));
  }

  private Optional<String> apply(String... request) {
    try {
      oracle.ask(request);
      return Optional.empty();
    } catch (Oracle.Refusal e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  @Override
  public void close() {
    oracle.close();
  }
}
