package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.metadata.journal.Finding;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.MetadataDamagedException;
import java.util.Optional;

/** Reads the small files whose loss costs no metadata. */
public final class DerivedFiles {

  private DerivedFiles() {}

  /** Reads one of these files. */
  @FunctionalInterface
  public interface Reader<T> {
    Optional<T> read(Fd directory) throws ErrnoException, MetadataDamagedException;
  }

  /**
   * {@return the content, or empty if the file is missing, damaged or unreadable}
   *
   * @throws MetadataDamagedException if a later version wrote it
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
