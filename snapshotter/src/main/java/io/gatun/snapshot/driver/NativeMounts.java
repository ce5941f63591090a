package io.gatun.snapshot.driver;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Mount;
import java.util.List;

/**
 * The mounts of full copies: a bind of the snapshot's own files, or, for a view, of its nearest
 * parent's, which never change.
 */
final class NativeMounts {

  private final SnapshotPaths paths;

  NativeMounts(SnapshotPaths paths) {
    this.paths = paths;
  }

  List<Mount> of(Chain chain) {
    return switch (chain.kind()) {
      case ACTIVE -> bind(chain.id(), "rw");
      case VIEW ->
          bind(chain.lowers().isEmpty() ? chain.id() : chain.lowers().getFirst().id(), "ro");
      case COMMITTED ->
          throw new IllegalArgumentException("snapshot " + chain.id() + " is committed");
    };
  }

  private List<Mount> bind(long id, String access) {
    return List.of(Mount.ofRoot("bind", paths.files(id), List.of(access, "rbind")));
  }
}
