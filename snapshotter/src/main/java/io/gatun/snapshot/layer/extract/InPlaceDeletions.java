package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.lower.SecureOpen;
import io.gatun.snapshot.spill.PagedMemory;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * Applies deletions to a copy of the lower layers by deleting files.
 *
 * <p>An opaque directory keeps what this layer has written below it, before or after the mark, and
 * the directories on the way to it.
 */
final class InPlaceDeletions implements Deletions {

  private final Removal removal;
  private final Fd top;
  private final WrittenPaths written;
  private final DirectoryReader reader = new DirectoryReader();

  InPlaceDeletions(Removal removal, Fd top, PagedMemory memory) {
    this.removal = removal;
    this.top = top;
    this.written = new WrittenPaths(memory);
  }

  @Override
  public void whiteout(OpenDirectory parent, LayerEntry.Whiteout entry) throws ErrnoException {
    removal.remove(parent.fd(), entry.path().name());
  }

  @Override
  public void opaque(OpenDirectory directory) throws ErrnoException {
    Deque<LinuxPath> ahead = new ArrayDeque<>(List.of(directory.path()));
    while (!ahead.isEmpty()) {
      LinuxPath path = ahead.pop();
      try (Fd fd = SecureOpen.open(top, path)) {
        for (DirectoryEntry entry : reader.all(fd)) {
          if (!written.contains(path, entry.name())) {
            removal.remove(fd, entry.name());
          } else if (isDirectory(fd, entry)) {
            ahead.push(path.resolve(entry.name()));
          }
        }
      }
    }
  }

  private static boolean isDirectory(Fd parent, DirectoryEntry entry) throws ErrnoException {
    return entry.type() == NodeType.DIRECTORY
        || (entry.type() == NodeType.UNKNOWN
            && Stat.statx(parent, entry.name(), AtFlag.SYMLINK_NOFOLLOW).type()
                == NodeType.DIRECTORY);
  }

  /** Deleted entries leave no marks. */
  @Override
  public boolean isWhiteout(OpenDirectory parent, LinuxPath name) {
    return false;
  }

  @Override
  public void hideBelow(Fd directory) {}

  @Override
  public boolean hasMarks() {
    return false;
  }

  @Override
  public void entered(OpenDirectory directory) throws ErrnoException {
    written.addWithAllAbove(directory.path());
  }

  @Override
  public void writes(OpenDirectory parent, LinuxPath name) throws ErrnoException {
    written.add(parent.path(), name);
  }
}
