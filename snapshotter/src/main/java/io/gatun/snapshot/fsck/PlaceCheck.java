package io.gatun.snapshot.fsck;

import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Unistd;
import java.util.List;

/**
 * Checks the type, mode and owner of files.
 *
 * @param findings receives the differences
 */
record PlaceCheck(List<RootFinding> findings) {

  void check(String place, FileStatus status, NodeType type, int mode) {
    if (status.type() != type) {
      findings.add(new RootFinding.Misplaced(place, status.type(), type));
      return;
    }
    if (status.mode() != mode) {
      findings.add(new RootFinding.WrongMode(place, status.mode(), mode));
    }
    if (status.uid() != Unistd.geteuid()) {
      findings.add(new RootFinding.WrongOwner(place, status.uid(), Unistd.geteuid()));
    }
  }
}
