package io.gatun.snapshot.metadata;

import io.gatun.linux.AtFlag;
import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.DirectoryReader;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Stat;
import io.gatun.snapshot.disk.Disk;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Journals and checkpoints in the order in which they follow each other. A new journal is begun
 * first, durably; then the checkpoint of the same generation is written, from an index that has at
 * least all that was there when the journal began; then what is older is deleted. So there is a
 * complete checkpoint at every moment, and every journal since it.
 */
final class Generations implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Generations.class);

  private static final SecureRandom RANDOM = new SecureRandom();

  /** What a new store begins with. */
  static final long FIRST = 1;

  private static final LinuxPath SELF = LinuxPath.of(".");

  private final Disk disk;
  private final Path path;
  private final Fd directory;
  private final MetadataSettings settings;

  /** Whether the spare is known to be as it should be, if there is one. */
  private boolean isSpareOurs;

  Generations(Disk disk, Path path, MetadataSettings settings) throws ErrnoException {
    this.disk = disk;
    this.path = path;
    this.settings = settings;
    this.directory =
        Fcntl.open(LinuxPath.of(path.toAbsolutePath()), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
  }

  Disk disk() {
    return disk;
  }

  Path path() {
    return path;
  }

  Fd directory() {
    return directory;
  }

  MetadataSettings settings() {
    return settings;
  }

  /** {@return the names of all files} */
  List<String> names() throws ErrnoException {
    return entries().stream().map(entry -> entry.name().toString()).toList();
  }

  /** {@return all that is in the directory} */
  List<DirectoryEntry> entries() throws ErrnoException {
    try (Fd reading = Fcntl.openat(directory, SELF, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      return new DirectoryReader().all(reading);
    }
  }

  /**
   * Makes sure that what has the name of a file of the store is one.
   *
   * @throws MetadataDamagedException if it is a directory, or anything else
   */
  void requireFiles() throws ErrnoException, MetadataDamagedException {
    for (DirectoryEntry entry : entries()) {
      String name = entry.name().toString();
      if (MetadataFile.isOurs(name)) {
        NodeType type =
            entry.type() == NodeType.UNKNOWN
                ? Stat.statx(directory, entry.name(), AtFlag.SYMLINK_NOFOLLOW).type()
                : entry.type();
        if (type != NodeType.REGULAR) {
          throw new MetadataDamagedException(Finding.misplaced(name, type));
        }
      }
    }
  }

  NavigableSet<Long> journals() throws ErrnoException {
    NavigableSet<Long> generations = new TreeSet<>();
    names().forEach(name -> MetadataFile.journalGeneration(name).ifPresent(generations::add));
    return generations;
  }

  NavigableSet<Long> checkpoints() throws ErrnoException {
    NavigableSet<Long> generations = new TreeSet<>();
    names().forEach(name -> MetadataFile.checkpointGeneration(name).ifPresent(generations::add));
    return generations;
  }

  /** {@return a generation that no file is of} */
  long next() throws ErrnoException {
    NavigableSet<Long> taken = journals();
    taken.addAll(checkpoints());
    return taken.isEmpty() ? FIRST : taken.last() + 1;
  }

  /** Has a journal ready for {@link #begin}. */
  synchronized void prepareSpare() throws ErrnoException {
    if (names().contains(MetadataFile.SPARE)
        && (isSpareOurs || JournalFile.isSpareUsable(directory, settings))) {
      return;
    }
    DurableFile.removeIfThere(disk, directory, MetadataFile.SPARE);
    JournalFile.prepareSpare(disk, directory, settings);
    isSpareOurs = true;
  }

  /** {@return what identifies a new store} */
  static long newStore() {
    return RANDOM.nextLong();
  }

  /** {@return a new journal, which may be used once the directory is synced} */
  synchronized JournalFile begin(long store, long generation, long firstSequence)
      throws ErrnoException {
    prepareSpare();
    FileHeader header =
        new FileHeader(
            FileHeader.Kind.JOURNAL, store, generation, firstSequence, RANDOM.nextLong());
    return JournalFile.begin(disk, directory, header, settings);
  }

  /** Makes a journal that was never used the spare again. */
  synchronized void recycle(JournalFile journal) throws ErrnoException {
    journal.close();
    disk.replace(
        directory,
        MetadataFile.path(journal.name()),
        directory,
        MetadataFile.path(MetadataFile.SPARE));
  }

  /** {@return the checkpoint that belongs to a journal, to be written} */
  CheckpointWriter checkpoint(FileHeader journal) throws ErrnoException {
    FileHeader header =
        new FileHeader(
            FileHeader.Kind.CHECKPOINT,
            journal.store(),
            journal.generation(),
            journal.firstSequence(),
            RANDOM.nextLong());
    return new CheckpointWriter(disk, directory, header);
  }

  /** Gives back the room that a checkpoint takes for which there was not enough. */
  void removeUnfinished(String name) {
    try {
      DurableFile.removeIfThere(disk, directory, MetadataFile.temporary(name));
    } catch (ErrnoException e) {
      LOG.warn(
          "msg=\"an unfinished checkpoint could not be deleted; the next start does that\" reason=\"{}\"",
          e.getMessage());
    }
  }

  /**
   * Deletes what a complete checkpoint has made superfluous. What is left does no harm and goes
   * next time.
   */
  void deleteBefore(long generation) {
    try {
      for (long journal : journals().headSet(generation)) {
        disk.removeFile(directory, MetadataFile.path(MetadataFile.journal(journal)));
      }
      for (long checkpoint : checkpoints().headSet(generation)) {
        disk.removeFile(directory, MetadataFile.path(MetadataFile.checkpoint(checkpoint)));
      }
    } catch (ErrnoException e) {
      LOG.warn("msg=\"old journals could not be deleted\" reason=\"{}\"", e.getMessage());
    }
  }

  void syncDirectory() throws ErrnoException {
    disk.sync(directory);
  }

  @Override
  public void close() {
    directory.close();
  }
}
