package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Fd;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.layer.entry.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.lower.Ownership;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;

/**
 * Writes the content and attributes of new files. The state that it shares with the writer is
 * thread-safe, so another thread can fill files.
 */
final class FileFiller {

  private final FileContent content;
  private final EntryAttributes attributes;
  private final UsageTally tally;

  FileFiller(Disk disk, boolean isWrittenBackEarly, Ownership ownership, UsageTally tally) {
    this.content = new FileContent(disk, isWrittenBackEarly);
    this.attributes = new EntryAttributes(disk, ownership);
    this.tally = tally;
  }

  void fill(Fd file, LayerEntry.RegularFile entry, boolean isInPlain, LayerContent source)
      throws IOException {
    content.write(file, entry, source);
    attributes.finishFile(file, entry.attributes(), isInPlain);
    if (entry.attributes().xattrs().isEmpty()) {
      tally.addFile(entry.extents());
    } else {
      tally.add(Stat.statx(file));
    }
  }
}
