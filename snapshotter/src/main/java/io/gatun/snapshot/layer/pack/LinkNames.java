package io.gatun.snapshot.layer.pack;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Remembers the first name of each file with several names until all were seen. */
final class LinkNames {

  /** The memory of an entry besides the bytes of its name: objects and table slots. */
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

  /** {@return the name under which a file was already written, if any} */
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

  /** Records that a file was written under its first name. */
  void wrote(FileStatus status, LinuxPath path) throws UnsupportedTreeException {
    if (status.links() > 1) {
      open.put(new Inode(status.device(), status.inode()), new Names(path, status.links() - 1));
      budget.take(bytes(path));
      budget.check("too many files with several names");
    }
  }

  private static long bytes(LinuxPath path) {
    return ENTRY_BYTES + (long) path.length();
  }
}
