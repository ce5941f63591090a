package io.gatun.snapshot;

import java.util.List;
import java.util.Optional;

/**
 * A committed snapshot below another one.
 *
 * @param id the snapshot's id; its files are at {@code snapshots/<id>/fs} in either form
 * @param index sha256 in hexadecimal digits of the index mounted at {@code snapshots/<id>}; empty
 *     if the layer is a directory. Layers with the same index have the same files
 */
public record Lower(long id, Optional<String> index) {

  /** {@return a layer in the form of a directory} */
  public static Lower directory(long id) {
    return new Lower(id, Optional.empty());
  }

  /** {@return layers in the form of directories} */
  public static List<Lower> directories(List<Long> ids) {
    return ids.stream().map(Lower::directory).toList();
  }

  /** {@return an indexed layer} */
  public static Lower indexed(long id, String sha256) {
    return new Lower(id, Optional.of(sha256));
  }

  /** {@return whether it has to be mounted before use} */
  public boolean isIndexed() {
    return index.isPresent();
  }
}
