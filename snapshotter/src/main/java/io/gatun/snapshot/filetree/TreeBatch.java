package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import java.util.List;

/**
 * A batch of a directory's entries, which bounds the memory of a walk.
 *
 * @param isLast whether no more entries follow; if false, the next batch may be empty
 */
public record TreeBatch(List<DirectoryEntry> entries, boolean isLast) {

  /**
   * A directory's end shows only in an empty read; a batch smaller than this is probably the last.
   */
  private static final int FEW = 256;

  private static final ThreadLocal<DirectoryReader> READER =
      ThreadLocal.withInitial(DirectoryReader::new);

  /** {@return the next batch of a directory, whose descriptor keeps the position} */
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
