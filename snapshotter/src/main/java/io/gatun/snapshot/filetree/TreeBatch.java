package io.gatun.snapshot.filetree;

import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.DirectoryReader;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import java.util.List;

/**
 * Some of the names in a directory, so that a walk need never hold all of them.
 *
 * @param entries the names that were next
 * @param isLast whether there are no others; if not, there may still be none
 */
public record TreeBatch(List<DirectoryEntry> entries, boolean isLast) {

  /**
   * The end of a directory shows only when nothing more is read; fewer names than this are likely
   * all.
   */
  private static final int FEW = 256;

  private static final ThreadLocal<DirectoryReader> READER =
      ThreadLocal.withInitial(DirectoryReader::new);

  /** {@return what comes next in a directory, whose descriptor keeps the place} */
  public static TreeBatch read(Fd directory) throws ErrnoException {
    DirectoryReader reader = READER.get();
    List<DirectoryEntry> entries = reader.next(directory);
    if (entries.isEmpty() || entries.size() >= FEW) {
      return new TreeBatch(entries, entries.isEmpty());
    }
    List<DirectoryEntry> more = reader.next(directory);
    entries.addAll(more);
    return new TreeBatch(entries, more.isEmpty());
  }
}
