package io.gatun.snapshot.driver;

import io.gatun.snapshot.mount.IdMappedMounts;

/**
 * The paths below a root that containerd sees.
 *
 * <p>All lower directories have short names at the same depth below one directory: containerd 1.7
 * and 2 shorten the options of an overlay mount, which the kernel limits to a page, by changing
 * into their common directory, and map the ids of that directory.
 *
 * @param root absolute path of the root
 */
public record SnapshotPaths(String root) {

  String files(long id) {
    return root + "/snapshots/" + id + "/fs";
  }

  /** {@return the files of a layer with mapped owners; see {@link IdMappedMounts}} */
  String mappedFiles(String mapping, long id) {
    return root + "/mapped/" + mapping + "/" + id + "/fs";
  }

  String work(long id) {
    return root + "/snapshots/" + id + "/work";
  }

  String empty() {
    return root + "/empty";
  }
}
