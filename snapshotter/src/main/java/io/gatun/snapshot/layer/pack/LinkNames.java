package io.gatun.snapshot.layer.pack;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Remembers the first name of each file with several names until all were seen. */
final class LinkNames {

  /** The memory of an entry besides the bytes of its name: objects and table slots. */
  private static final int ENTRY_BYTES = 160;

  private record Inode(long device, long number) {}

  private record Names(LinuxPath first, int left) {}

  private final MemoryBudget budget;
  private final Map<Inode, Names> open = new HashMap<>();

  LinkNames(MemoryBudget budget) {
    this.budget = budget;
  }

  /** {@return the first name of a file; empty if this is the first} */
  Optional<LinuxPath> earlier(FileStatus status, LinuxPath path) throws UnsupportedLayerException {
    if (status.links() < 2) {
      return Optional.empty();
    }
    Inode inode = new Inode(status.device(), status.inode());
    Names names = open.get(inode);
    if (names == null) {
      open.put(inode, new Names(path, status.links() - 1));
      budget.take(ENTRY_BYTES + (long) path.length());
      budget.check("too many files with several names");
      return Optional.empty();
    }
    if (names.left > 1) {
      open.put(inode, new Names(names.first, names.left - 1));
    } else {
      open.remove(inode);
      budget.give(ENTRY_BYTES + (long) names.first.length());
    }
    return Optional.of(names.first);
  }
}
