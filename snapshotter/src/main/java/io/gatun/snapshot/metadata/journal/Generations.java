package io.gatun.snapshot.metadata.journal;

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
import io.gatun.snapshot.root.Disk;
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
public final class Generations implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Generations.class);

  private static final SecureRandom RANDOM = new SecureRandom();

  /** What a new store begins with. */
  public static final long FIRST = 1;

  private static final LinuxPath SELF = LinuxPath.of(".");

  private final Disk disk;
  private final Path path;
  private final Fd directory;
  private final MetadataSettings settings;

  /** Whether the spare is known to be as it should be, if there is one. */
  private boolean isSpareOurs;

  public Generations(Disk disk, Path path, MetadataSettings settings) throws ErrnoException {
    this.disk = disk;
    this.path = path;
    this.settings = settings;
    this.directory =
        Fcntl.open(LinuxPath.of(path.toAbsolutePath()), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
  }

  public Disk disk() {
    return disk;
  }

  public Path path() {
    return path;
  }

  public Fd directory() {
    return directory;
  }

  public MetadataSettings settings() {
    return settings;
  }

  /** {@return the names of all files} */
  public List<String> names() throws ErrnoException {
    return entries().stream().map(entry -> entry.name().toString()).toList();
  }

  /** {@return all that is in the directory} */
  public List<DirectoryEntry> entries() throws ErrnoException {
    try (Fd reading = Fcntl.openat(directory, SELF, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      return new DirectoryReader().all(reading);
    }
  }

  /**
   * Makes sure that what has the name of a file of the store is one.
   *
   * @throws MetadataDamagedException if it is a directory, or anything else
   */
  public void requireFiles() throws ErrnoException, MetadataDamagedException {
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

  public NavigableSet<Long> journals() throws ErrnoException {
    NavigableSet<Long> generations = new TreeSet<>();
    names().forEach(name -> MetadataFile.journalGeneration(name).ifPresent(generations::add));
    return generations;
  }

  public NavigableSet<Long> checkpoints() throws ErrnoException {
    NavigableSet<Long> generations = new TreeSet<>();
    names().forEach(name -> MetadataFile.checkpointGeneration(name).ifPresent(generations::add));
    return generations;
  }

  /** {@return a generation that no file is of} */
  public long next() throws ErrnoException {
    NavigableSet<Long> taken = journals();
    taken.addAll(checkpoints());
    return taken.isEmpty() ? FIRST : taken.last() + 1;
  }

  /** Has a journal ready for {@link #begin}. */
  public synchronized void prepareSpare() throws ErrnoException {
    if (names().contains(MetadataFile.SPARE)
        && (isSpareOurs || JournalFile.isSpareUsable(directory, settings))) {
      return;
    }
    DurableFile.removeIfThere(disk, directory, MetadataFile.SPARE);
    JournalFile.prepareSpare(disk, directory, settings);
    isSpareOurs = true;
  }

  /** {@return what identifies a new store} */
  public static long newStore() {
    return RANDOM.nextLong();
  }

  /** {@return a new journal, which may be used once the directory is synced} */
  public synchronized JournalFile begin(long store, long generation, long firstSequence)
      throws ErrnoException {
    prepareSpare();
    FileHeader header =
        new FileHeader(
            FileHeader.Kind.JOURNAL, store, generation, firstSequence, RANDOM.nextLong());
    return JournalFile.begin(disk, directory, header, settings);
  }

  /** Makes a journal that was never used the spare again. */
  public synchronized void recycle(JournalFile journal) throws ErrnoException {
    journal.close();
    disk.replace(
        directory,
        MetadataFile.path(journal.name()),
        directory,
        MetadataFile.path(MetadataFile.SPARE));
  }

  /** {@return the checkpoint that belongs to a journal, to be written} */
  public CheckpointWriter checkpoint(FileHeader journal) throws ErrnoException {
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
  public void removeUnfinished(String name) {
    try {
      DurableFile.removeIfThere(disk, directory, MetadataFile.temporary(name));
    } catch (ErrnoException e) {
      LOG.warn(
          "an unfinished checkpoint could not be deleted; the next start does that error=\"{}\"",
          e.getMessage());
    }
  }

  /**
   * Deletes what a complete checkpoint has made superfluous. What is left does no harm and goes
   * next time.
   */
  public void deleteBefore(long generation) {
    try {
      for (long journal : journals().headSet(generation)) {
        disk.removeFile(directory, MetadataFile.path(MetadataFile.journal(journal)));
      }
      for (long checkpoint : checkpoints().headSet(generation)) {
        disk.removeFile(directory, MetadataFile.path(MetadataFile.checkpoint(checkpoint)));
      }
    } catch (ErrnoException e) {
      LOG.warn("old journals could not be deleted error=\"{}\"", e.getMessage());
    }
  }

  public void syncDirectory() throws ErrnoException {
    disk.sync(directory);
  }

  @Override
  public void close() {
    directory.close();
  }
}
