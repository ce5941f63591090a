package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.root.Disk;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sequence of journals and checkpoints. First a new journal is begun, durably; then the
 * checkpoint of the same generation is written, from an index that contains at least the state at
 * the start of that journal; then older files are deleted. At every moment, a complete checkpoint
 * and all journals since it exist.
 */
public final class Generations implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Generations.class);

  private static final SecureRandom RANDOM = new SecureRandom();

  /** The first generation of a new store. */
  public static final long FIRST = 1;

  private static final LinuxPath SELF = LinuxPath.of(".");

  private final Disk disk;
  private final Path path;
  private final Fd directory;
  private final MetadataSettings settings;

  /** Whether the spare, if present, is known to be usable. */
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

  public List<String> names() throws ErrnoException {
    return entries().stream().map(entry -> entry.name().toString()).toList();
  }

  public List<DirectoryEntry> entries() throws ErrnoException {
    try (Fd reading = Fcntl.openat(directory, SELF, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      return new DirectoryReader().all(reading);
    }
  }

  /**
   * Checks that every name of a store file is a regular file.
   *
   * @throws MetadataDamagedException if one is a directory or another type
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

  /** {@return an unused generation} */
  public long next() throws ErrnoException {
    NavigableSet<Long> taken = journals();
    taken.addAll(checkpoints());
    return taken.isEmpty() ? FIRST : taken.last() + 1;
  }

  /** Prepares the next journal for {@link #begin}. */
  public synchronized void prepareSpare() throws ErrnoException {
    if (names().contains(MetadataFile.SPARE)
        && (isSpareOurs || JournalFile.isSpareUsable(directory, settings))) {
      return;
    }
    DurableFile.removeIfThere(disk, directory, MetadataFile.SPARE);
    JournalFile.prepareSpare(disk, directory, settings);
    isSpareOurs = true;
  }

  /** {@return a random identity for a new store} */
  public static long newStore() {
    return RANDOM.nextLong();
  }

  /** {@return a new journal, usable once the directory is synced} */
  public synchronized JournalFile begin(long store, long generation, long firstSequence)
      throws ErrnoException {
    prepareSpare();
    FileHeader header =
        new FileHeader(
            FileHeader.Kind.JOURNAL, store, generation, firstSequence, RANDOM.nextLong());
    return JournalFile.begin(disk, directory, header, settings);
  }

  /** Turns an unused journal back into the spare. */
  public synchronized void recycle(JournalFile journal) throws ErrnoException {
    journal.close();
    disk.replace(
        directory,
        MetadataFile.path(journal.name()),
        directory,
        MetadataFile.path(MetadataFile.SPARE));
  }

  /** {@return a writer for the checkpoint that belongs to a journal} */
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

  /** Frees the space of a checkpoint that could not be completed. */
  public void removeUnfinished(String name) {
    try {
      DurableFile.removeIfThere(disk, directory, MetadataFile.temporary(name));
    } catch (ErrnoException e) {
      LOG.warn(
          "cannot delete an unfinished checkpoint; the next start deletes it error=\"{}\"",
          e.getMessage());
    }
  }

  /**
   * Deletes files that a complete checkpoint supersedes. Leftovers are harmless and deleted next
   * time.
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
      LOG.warn("cannot delete old journals error=\"{}\"", e.getMessage());
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
