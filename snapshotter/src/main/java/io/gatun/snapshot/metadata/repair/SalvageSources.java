package io.gatun.snapshot.metadata.repair;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.snapshot.metadata.journal.CheckpointReader;
import io.gatun.snapshot.metadata.journal.FileHeader;
import io.gatun.snapshot.metadata.journal.FileWindow;
import io.gatun.snapshot.metadata.journal.Finding;
import io.gatun.snapshot.metadata.journal.Frame;
import io.gatun.snapshot.metadata.journal.FrameScan;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.MetadataDamagedException;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * The files of one store, identified by their headers, since file names may have been swapped. A
 * header with a wrong checksum is accepted if the first frame proves it.
 *
 * @param checkpoints by generation
 * @param journals by generation
 * @param headless names by generation of files without a usable header, which makes them unreadable
 * @param findings flaws of whole files
 */
record SalvageSources(
    long store,
    NavigableMap<Long, Source> checkpoints,
    NavigableMap<Long, Source> journals,
    NavigableMap<Long, String> headless,
    List<Finding> findings) {

  /**
   * A file with readable frames.
   *
   * @param name its name on disk
   */
  record Source(String name, FileHeader header) {}

  /**
   * Finds the files in a directory.
   *
   * @param known the store, if another file names it
   * @throws MetadataDamagedException if a later version wrote one of them
   */
  static SalvageSources of(Generations generations, OptionalLong known)
      throws ErrnoException, MetadataDamagedException {
    List<Finding> findings = new ArrayList<>();
    NavigableMap<Long, String> headless = new TreeMap<>();
    List<Source> sources = new ArrayList<>();
    for (DirectoryEntry entry : generations.entries()) {
      String name = entry.name().toString();
      if (mayBeSource(name)) {
        Optional<Source> source = source(generations, name, findings);
        source.ifPresent(sources::add);
        if (source.isEmpty()) {
          addHeadless(headless, MetadataFile.checkpointGeneration(name), name);
          addHeadless(headless, MetadataFile.journalGeneration(name), name);
        }
      }
    }
    long store = known.orElseGet(() -> mostFrequent(sources));
    NavigableMap<Long, Source> checkpoints = new TreeMap<>();
    NavigableMap<Long, Source> journals = new TreeMap<>();
    for (Source source : sources) {
      if (source.header.store() != store) {
        findings.add(
            Finding.damage(source.name, FileHeader.STORE_OFFSET, "it belongs to another store"));
        continue;
      }
      if (!source.name.equals(source.header.fileName())) {
        findings.add(
            Finding.damage(
                source.name,
                FileHeader.GENERATION_OFFSET,
                "this is %s under another name".formatted(source.header.fileName())));
      }
      Map<Long, Source> same =
          switch (source.header.kind()) {
            case CHECKPOINT -> checkpoints;
            case JOURNAL -> journals;
          };
      same.merge(source.header.generation(), source, SalvageSources::better);
    }
    return new SalvageSources(store, checkpoints, journals, headless, findings);
  }

  private static void addHeadless(
      Map<Long, String> headless, OptionalLong generation, String name) {
    generation.ifPresent(
        number -> headless.merge(number, name, (one, other) -> one + " and " + other));
  }

  /** Excludes unfinished files and those that an earlier repair kept. */
  private static boolean mayBeSource(String name) {
    return !name.endsWith(MetadataFile.TEMPORARY_SUFFIX) && !MetadataFile.isKept(name);
  }

  private static Source better(Source one, Source other) {
    return other.name.equals(other.header.fileName()) ? other : one;
  }

  private static long mostFrequent(Collection<Source> sources) {
    Map<Long, Integer> counts = new HashMap<>();
    sources.forEach(source -> counts.merge(source.header.store(), 1, Integer::sum));
    return counts.entrySet().stream()
        .max(Map.Entry.comparingByValue())
        .map(Map.Entry::getKey)
        .orElseGet(Generations::newStore);
  }

  private static Optional<Source> source(
      Generations generations, String name, List<Finding> findings)
      throws ErrnoException, MetadataDamagedException {
    boolean isNamed =
        MetadataFile.journalGeneration(name).isPresent()
            || MetadataFile.checkpointGeneration(name).isPresent();
    try (FileWindow file = FileWindow.open(generations.directory(), name)) {
      Optional<FileHeader.Kind> kind = kind(file, name);
      if (kind.isEmpty()) {
        if (isNamed) {
          findings.add(
              Finding.damage(name, 0, "this begins neither like a journal nor like a checkpoint"));
        }
        return Optional.empty();
      }
      FileHeader header = header(file, name, kind.get(), findings);
      // A spare can be a journal that was begun but never used; an empty one does not count.
      return isNamed || !FrameScan.of(file, header.salt()).frames().isEmpty()
          ? Optional.of(new Source(name, header))
          : Optional.empty();
    } catch (MetadataDamagedException e) {
      if (e.finding().severity() == Finding.Severity.UNKNOWN_VERSION) {
        throw e;
      }
      if (isNamed) {
        findings.add(e.finding());
      }
      return Optional.empty();
    }
  }

  /** {@return the kind according to the magic, or else to the file name} */
  private static Optional<FileHeader.Kind> kind(FileWindow file, String name)
      throws ErrnoException, MetadataDamagedException {
    Optional<FileHeader.Kind> kind = FileHeader.Kind.of(file.at(0, FileHeader.BYTES));
    if (kind.isPresent()) {
      return kind;
    }
    if (MetadataFile.journalGeneration(name).isPresent()) {
      return Optional.of(FileHeader.Kind.JOURNAL);
    }
    return MetadataFile.checkpointGeneration(name).isPresent()
        ? Optional.of(FileHeader.Kind.CHECKPOINT)
        : Optional.empty();
  }

  private static FileHeader header(
      FileWindow file, String name, FileHeader.Kind kind, List<Finding> findings)
      throws ErrnoException, MetadataDamagedException {
    try {
      return FileHeader.decode(kind, name, file.at(0, FileHeader.BYTES));
    } catch (MetadataDamagedException e) {
      Optional<FileHeader> proven = provenByFrame(file, name, kind);
      if (proven.isEmpty()) {
        throw e;
      }
      findings.add(
          Finding.damage(
              name,
              e.finding().offset(),
              e.finding().sentence() + "; the first frame confirms the header"));
      return proven.get();
    }
  }

  /**
   * {@return the apparent header of a block with a wrong checksum, if the first frame's checksum,
   * which depends on the salt, confirms it}
   */
  private static Optional<FileHeader> provenByFrame(
      FileWindow file, String name, FileHeader.Kind kind)
      throws ErrnoException, MetadataDamagedException {
    ByteBuffer block = file.at(0, FileHeader.BYTES);
    if (block.remaining() < FileHeader.BYTES) {
      return Optional.empty();
    }
    FileHeader seeming = FileHeader.seeming(kind, block);
    long first =
        switch (kind) {
          case JOURNAL -> seeming.firstSequence();
          case CHECKPOINT -> CheckpointReader.FIRST_FRAME;
        };
    boolean isProven =
        seeming.fileName().equals(name)
            && Frame.read(file, FileHeader.BYTES, first, seeming.salt()).isPresent();
    return isProven ? Optional.of(seeming) : Optional.empty();
  }
}
