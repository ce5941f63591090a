package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.metadata.journal.Finding;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.MetadataDamagedException;
import java.util.Optional;

/** The small files without which nothing is lost. */
public final class DerivedFiles {

  private DerivedFiles() {}

  /** How one of them is read. */
  @FunctionalInterface
  public interface Reader<T> {
    Optional<T> read(Fd directory) throws ErrnoException, MetadataDamagedException;
  }

  /**
   * {@return what the file says; nothing if it is not there, damaged or unreadable}
   *
   * @throws MetadataDamagedException if a later version has written it
   */
  public static <T> Optional<T> read(Generations generations, String name, Reader<T> reader)
      throws ErrnoException, MetadataDamagedException {
    if (!generations.names().contains(name)) {
      return Optional.empty();
    }
    try {
      return reader.read(generations.directory());
    } catch (MetadataDamagedException e) {
      if (e.finding().severity() == Finding.Severity.UNKNOWN_VERSION) {
        throw e;
      }
      return Optional.empty();
    }
  }
}
