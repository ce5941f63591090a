package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.layer.entry.FileSink.OpenedFile;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.lower.Ownership;
import java.io.IOException;

/** A new file, identified only by its descriptor: its name may already belong to another file. */
final class NewFile implements OpenedFile {

  private final FileFiller filler;
  private final Fd file;
  private final LayerEntry.RegularFile entry;
  private final boolean isInPlain;

  /**
   * @param file which is closed with this
   * @param isInPlain whether its directory is {@link Ownership#isPlain plain}
   */
  NewFile(FileFiller filler, Fd file, LayerEntry.RegularFile entry, boolean isInPlain) {
    this.filler = filler;
    this.file = file;
    this.entry = entry;
    this.isInPlain = isInPlain;
  }

  @Override
  public void fill(LayerContent content) throws IOException {
    try {
      filler.fill(file, entry, isInPlain, content);
    } catch (ErrnoException e) {
      throw new TreeWriteException(entry.path().whole(), e);
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
