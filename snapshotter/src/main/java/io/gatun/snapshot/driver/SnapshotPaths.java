package io.gatun.snapshot.driver;

import io.gatun.snapshot.mount.IdMappedMounts;

/**
 * The paths below a root that containerd gets to see.
 *
 * <p>All lower directories lie at the same depth below one directory and under short names:
 * containerd 1.7 and 2 shorten the options of an overlay mount, which the kernel limits to a page,
 * by changing into the directory that they have in common, and map the ids of that same directory.
 *
 * @param root the absolute path of the root
 */
public record SnapshotPaths(String root) {

  String files(long id) {
    return root + "/snapshots/" + id + "/fs";
  }

  /** {@return where the files of a layer are with other owners; see {@link IdMappedMounts}} */
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
