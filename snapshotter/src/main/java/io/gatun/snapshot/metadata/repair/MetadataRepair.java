package io.gatun.snapshot.metadata.repair;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.DerivedFiles;
import io.gatun.snapshot.metadata.journal.CheckpointWriter;
import io.gatun.snapshot.metadata.journal.DurableFile;
import io.gatun.snapshot.metadata.journal.Finding;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.HighWaterMark;
import io.gatun.snapshot.metadata.journal.JournalFile;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.metadata.journal.RecordCodec;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Repairs metadata according to the report of a check.
 *
 * <p>Damaged files first get a second name, {@code *.damaged}, and lose their own only after the
 * remaining records are durable in new files. A crash at any moment loses nothing, and the repair
 * can be run again.
 */
public final class MetadataRepair {

  private final Generations generations;
  private final Contents contents;
  private final List<String> done = new ArrayList<>();

  private MetadataRepair(Generations generations, Contents contents) {
    this.generations = generations;
    this.contents = contents;
  }

  /**
   * Repairs a metadata directory that no daemon uses, such that the next start finds no damage.
   *
   * @param report the report of its check, which must have contents
   * @param idLimit an id above those of all snapshots
   * @param isIndexDropped whether to rebuild the index in any case
   * @return a sentence for each action
   */
  public static List<String> run(
      Disk disk,
      Path directory,
      MetadataSettings settings,
      MetadataReport report,
      long idLimit,
      boolean isIndexDropped)
      throws IOException {
    Contents contents = report.contents().orElseThrow().withIdLimit(idLimit);
    try (Generations generations = new Generations(disk, directory, settings)) {
      MetadataRepair repair = new MetadataRepair(generations, contents);
      repair.repairAttributes();
      if (report.isDamaged() || contents.idLimit() > report.contents().get().idLimit()) {
        repair.rewrite();
      } else if (isIndexDropped || isStale(report)) {
        repair.dropIndex();
      }
      return List.copyOf(repair.done);
    }
  }

  private static boolean isStale(MetadataReport report) {
    return report.findings().stream()
        .anyMatch(finding -> finding.severity() == Finding.Severity.STALE);
  }

  private void repairAttributes() throws ErrnoException {
    for (DirectoryEntry entry : generations.entries()) {
      LinuxPath name = entry.name();
      FileStatus status = Stat.statx(generations.directory(), name, AtFlag.SYMLINK_NOFOLLOW);
      if (!MetadataFile.isOurs(name.toString()) || status.type() != NodeType.REGULAR) {
        continue;
      }
      if (status.uid() != Unistd.geteuid()) {
        generations
            .disk()
            .setOwner(generations.directory(), name, Unistd.geteuid(), Unistd.getegid());
        done.add("metadata/%s belongs to uid %d again".formatted(name, Unistd.geteuid()));
      }
      if (status.mode() != DurableFile.MODE) {
        generations.disk().setMode(generations.directory(), name, DurableFile.MODE);
        done.add("metadata/%s has mode %04o again".formatted(name, DurableFile.MODE));
      }
    }
  }

  private void dropIndex() throws ErrnoException {
    DurableFile.removeIfThere(generations.disk(), generations.directory(), MetadataFile.CLEAN);
    generations.syncDirectory();
    done.add("the index will be rebuilt from checkpoint and journal");
  }

  private void rewrite() throws IOException {
    // A missing journal that the high-water mark names must not look newer than the new one.
    long generation =
        Math.max(
            generations.next(),
            DerivedFiles.read(generations, MetadataFile.ACKNOWLEDGED, HighWaterMark::read)
                .map(mark -> mark.generation() + 1)
                .orElse(Generations.FIRST));
    List<String> old = oldFiles();
    setAside(old);
    try (JournalFile journal =
            generations.begin(contents.store(), generation, contents.nextSequence());
        CheckpointWriter checkpoint = generations.checkpoint(journal.header())) {
      checkpoint.ids(contents.idLimit(), contents.trustedFrom());
      for (SnapshotRecord record : contents.records().values()) {
        checkpoint.put(RecordCodec.encode(record));
      }
      checkpoint.publish();
      HighWaterMark.create(
              generations.disk(),
              generations.directory(),
              new HighWaterMark.Mark(contents.store(), generation, contents.nextSequence() - 1))
          .close();
    }
    for (String name : old) {
      if (!name.equals(MetadataFile.ACKNOWLEDGED)) {
        DurableFile.removeIfThere(generations.disk(), generations.directory(), name);
      }
    }
    generations.syncDirectory();
    done.add(
        "metadata/checkpoint-%d has the %d snapshots that were found; the replaced files are"
                .formatted(generation, contents.records().size())
            + " kept as metadata/*.damaged");
  }

  /**
   * Moves misplaced nodes away.
   *
   * @return the names of the files to replace
   */
  private List<String> oldFiles() throws ErrnoException {
    List<String> old = new ArrayList<>();
    for (DirectoryEntry entry : generations.entries()) {
      String name = entry.name().toString();
      if (!MetadataFile.isOurs(name)) {
        continue;
      }
      NodeType type =
          Stat.statx(generations.directory(), entry.name(), AtFlag.SYMLINK_NOFOLLOW).type();
      if (type != NodeType.REGULAR) {
        move(name);
      } else if (!name.equals(MetadataFile.SPARE)
          && !name.endsWith(MetadataFile.TEMPORARY_SUFFIX)) {
        old.add(name);
      }
    }
    return old;
  }

  private void move(String name) throws ErrnoException {
    for (int attempt = 0; true; attempt++) {
      try {
        generations
            .disk()
            .rename(
                generations.directory(),
                MetadataFile.path(name),
                generations.directory(),
                MetadataFile.path(MetadataFile.kept(name, attempt)));
        return;
      } catch (ErrnoException e) {
        if (!e.is(Errno.EEXIST)) {
          throw e;
        }
      }
    }
  }

  private void setAside(List<String> names) throws ErrnoException {
    for (String name : names) {
      link(name);
    }
    generations.syncDirectory();
  }

  private void link(String name) throws ErrnoException {
    for (int attempt = 0; true; attempt++) {
      try {
        generations
            .disk()
            .createHardLink(
                generations.directory(),
                MetadataFile.path(name),
                generations.directory(),
                MetadataFile.path(MetadataFile.kept(name, attempt)));
        return;
      } catch (ErrnoException e) {
        if (!e.is(Errno.EEXIST)) {
          throw e;
        }
      }
    }
  }
}
