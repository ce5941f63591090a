package io.gatun.snapshot.root;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import java.util.List;

/** Reads the names in a directory that stays open for other uses. */
final class Listing {

  private static final LinuxPath SELF = LinuxPath.of(".");

  private Listing() {}

  static List<LinuxPath> names(Fd directory) throws ErrnoException {
    // Opened again, because the read position belongs to the open file.
    try (Fd reading = Fcntl.openat(directory, SELF, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      return new DirectoryReader().all(reading).stream().map(DirectoryEntry::name).toList();
    }
  }
}
