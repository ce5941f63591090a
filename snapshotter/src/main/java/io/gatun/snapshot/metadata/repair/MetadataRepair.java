package io.gatun.snapshot.metadata.repair;

import io.gatun.linux.AtFlag;
import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.linux.Stat;
import io.gatun.linux.Unistd;
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
 * Makes metadata usable again, from what a check has found in them.
 *
 * <p>What is damaged is first given a second name, as {@code *.damaged}, and loses its own only
 * when all that is left of it is durable in new files. So whenever the machine stops, nothing is
 * gone that was there before, and the repair can be run again.
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
   * Repairs a directory of metadata that nobody uses; the next start finds nothing to complain of.
   *
   * @param report what the check of it has come to, which must have contents
   * @param idLimit an id that no snapshot has, and none above
   * @param isIndexDropped whether the index is to be made anew in any case
   * @return what was done, in one sentence each
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
    done.add("the index is made anew from checkpoint and journal");
  }

  private void rewrite() throws IOException {
    // A journal that is missing, but named as one that was acknowledged in, must not look newer.
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
        "metadata/checkpoint-%d has the %d snapshots that were found; the files that it replaces are"
                .formatted(generation, contents.records().size())
            + " kept as metadata/*.damaged");
  }

  /** {@return the names of what is replaced, but for what is no file, which has been moved away} */
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
