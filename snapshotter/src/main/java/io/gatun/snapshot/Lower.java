package io.gatun.snapshot;

import java.util.List;
import java.util.Optional;

/**
 * A committed snapshot below another one.
 *
 * @param id the snapshot's id; its files are at {@code snapshots/<id>/fs}, whatever their form
 * @param index the sha256 of the index that is mounted at {@code snapshots/<id>}, in hexadecimal
 *     digits, or nothing if the layer is a directory. Two layers with one index are the same files
 */
public record Lower(long id, Optional<String> index) {

  /** {@return a layer that is a directory} */
  public static Lower directory(long id) {
    return new Lower(id, Optional.empty());
  }

  /** {@return the same for each of several} */
  public static List<Lower> directories(List<Long> ids) {
    return ids.stream().map(Lower::directory).toList();
  }

  /** {@return a layer that is a tar under an index with this sha256} */
  public static Lower indexed(long id, String sha256) {
    return new Lower(id, Optional.of(sha256));
  }

  /** {@return whether it has to be mounted to be seen} */
  public boolean isIndexed() {
    return index.isPresent();
  }
}
