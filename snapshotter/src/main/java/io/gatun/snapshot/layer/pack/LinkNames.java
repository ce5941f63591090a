package io.gatun.snapshot.layer.pack;

import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The first names of files that have several, for as long as others of theirs may follow. */
final class LinkNames {

  /** What an entry takes besides the bytes of its name: objects and their places in the table. */
  private static final int ENTRY_BYTES = 160;

  private record Inode(long device, long number) {}

  private static final class Names {
    final LinuxPath first;
    int left;

    Names(LinuxPath first, int left) {
      this.first = first;
      this.left = left;
    }
  }

  private final MemoryBudget budget;
  private final Map<Inode, Names> open = new HashMap<>();

  LinkNames(MemoryBudget budget) {
    this.budget = budget;
  }

  /** {@return the name under which a file has been written already, if it has} */
  Optional<LinuxPath> earlier(FileStatus status) {
    if (status.links() < 2) {
      return Optional.empty();
    }
    Inode inode = new Inode(status.device(), status.inode());
    @Nullable Names names = open.get(inode);
    if (names == null) {
      return Optional.empty();
    }
    if (--names.left == 0) {
      open.remove(inode);
      budget.give(bytes(names.first));
    }
    return Optional.of(names.first);
  }

  /** Takes note that a file has been written under this name, which is the first of its names. */
  void wrote(FileStatus status, LinuxPath path) throws UnsupportedTreeException {
    if (status.links() > 1) {
      open.put(new Inode(status.device(), status.inode()), new Names(path, status.links() - 1));
      budget.take(bytes(path));
      budget.check("so many files with several names");
    }
  }

  private static long bytes(LinuxPath path) {
    return ENTRY_BYTES + (long) path.length();
  }
}
