package io.gatun.snapshot.metadata.repair;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.CleanShutdownMarker;
import io.gatun.snapshot.metadata.DerivedFiles;
import io.gatun.snapshot.metadata.NewStore;
import io.gatun.snapshot.metadata.journal.DurableFile;
import io.gatun.snapshot.metadata.journal.Finding;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.HighWaterMark;
import io.gatun.snapshot.metadata.journal.JournalState;
import io.gatun.snapshot.metadata.journal.MetadataDamagedException;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * Checks metadata that no daemon uses, without changing it.
 *
 * <p>Reads checkpoint and journal like the store. If they are damaged, uses the index left by a
 * clean stop; without one, {@link Salvage} finds the remains.
 */
public final class MetadataCheck {

  private final Generations generations;
  private final boolean isIndexTrusted;
  private final List<Finding> findings = new ArrayList<>();

  private MetadataCheck(Generations generations, boolean isIndexTrusted) {
    this.generations = generations;
    this.isIndexTrusted = isIndexTrusted;
  }

  /**
   * Checks a metadata directory.
   *
   * @throws IOException if it cannot be read at all
   */
  public static MetadataReport of(Path directory) throws IOException {
    return check(directory, true);
  }

  /** Checks checkpoint and journal without the index. */
  public static MetadataReport withoutIndex(Path directory) throws IOException {
    return check(directory, false);
  }

  private static MetadataReport check(Path directory, boolean isIndexTrusted) throws IOException {
    try (Generations generations =
        new Generations(new LinuxDisk(), directory, MetadataSettings.defaults())) {
      return new MetadataCheck(generations, isIndexTrusted).run();
    }
  }

  private MetadataReport run() throws IOException {
    checkEntries();
    try {
      Contents contents = contents();
      findings.sort(Comparator.comparing(Finding::file).thenComparingLong(Finding::offset));
      return new MetadataReport(findings, Optional.of(contents));
    } catch (MetadataDamagedException e) {
      findings.add(e.finding());
      return new MetadataReport(findings, Optional.empty());
    }
  }

  // File attributes.

  private void checkEntries() throws ErrnoException {
    for (DirectoryEntry entry : generations.entries()) {
      String name = entry.name().toString();
      FileStatus status =
          Stat.statx(generations.directory(), entry.name(), AtFlag.SYMLINK_NOFOLLOW);
      if (MetadataFile.isKept(name)) {
        findings.add(
            Finding.foreign(name, "a repair kept this; delete it when it is not needed any more"));
      } else if (!MetadataFile.isOurs(name)) {
        findings.add(Finding.foreign(name, "this is not a file of Gatun"));
      } else if (status.type() != NodeType.REGULAR) {
        findings.add(Finding.misplaced(name, status.type()));
      } else {
        checkFile(name, status);
      }
    }
  }

  private void checkFile(String name, FileStatus status) {
    if (name.endsWith(MetadataFile.TEMPORARY_SUFFIX)) {
      findings.add(
          Finding.leftover(name, "this was unfinished when the machine or the daemon stopped"));
    }
    if (status.mode() != DurableFile.MODE) {
      findings.add(
          Finding.attributes(
              name,
              "its mode is %04o and should be %04o".formatted(status.mode(), DurableFile.MODE)));
    }
    if (status.uid() != Unistd.geteuid()) {
      findings.add(
          Finding.attributes(
              name,
              "it belongs to uid %d instead of %d".formatted(status.uid(), Unistd.geteuid())));
    }
  }

  // File content.

  private Contents contents() throws IOException, MetadataDamagedException {
    Optional<CleanShutdownMarker> clean =
        DerivedFiles.read(generations, MetadataFile.CLEAN, CleanShutdownMarker::read);
    try {
      generations.requireFiles();
      if (NewStore.isAt(generations)) {
        return Contents.empty();
      }
      return truth(clean);
    } catch (MetadataDamagedException e) {
      if (e.finding().severity() == Finding.Severity.UNKNOWN_VERSION) {
        throw e;
      }
      return damaged(clean, e.finding());
    }
  }

  /** Collects the records and the order in which they were read. */
  private static final class Loader implements JournalState.Visitor {
    private final NavigableMap<Long, SnapshotRecord> records = new TreeMap<>();
    private final Map<Long, Long> order = new HashMap<>();

    @Override
    public void onPut(byte[] encoding, SnapshotRecord record) {
      records.put(record.id(), record);
      order.put(record.id(), (long) order.size());
    }

    @Override
    public void onRemove(long id) {
      records.remove(id);
    }
  }

  private Contents truth(Optional<CleanShutdownMarker> clean)
      throws IOException, MetadataDamagedException {
    Loader loader = new Loader();
    OptionalLong durableEnd =
        clean.map(marker -> OptionalLong.of(marker.nextSequence())).orElse(OptionalLong.empty());
    JournalState journalState = JournalState.read(generations, loader, durableEnd);
    journalState.last().tail().ifPresent(findings::add);
    generations.journals().headSet(journalState.checkpoint()).stream()
        .map(MetadataFile::journal)
        .forEach(this::addSuperfluous);
    generations.checkpoints().headSet(journalState.checkpoint()).stream()
        .map(MetadataFile::checkpoint)
        .forEach(this::addSuperfluous);
    List<String> losses =
        ConsistencyRules.resolve(
            loader.records, record -> loader.order.getOrDefault(record.id(), 0L));
    for (String sentence : losses) {
      findings.add(
          Finding.damage(
              journalState.last().name(), 0, "the records contradict each other: " + sentence));
    }
    for (String sentence : ConsistencyRules.impossible(loader.records)) {
      findings.add(Finding.impossible(journalState.last().name(), sentence));
    }
    checkMark(journalState.last().header().store());
    checkIndex(clean, journalState, loader.records);
    return new Contents(
        journalState.last().header().store(),
        loader.records,
        journalState.idLimit(),
        journalState.trustedFrom(),
        journalState.last().nextSequence(),
        losses);
  }

  private void addSuperfluous(String name) {
    findings.add(Finding.leftover(name, "a newer checkpoint contains all of it"));
  }

  private void checkMark(long store) throws ErrnoException, MetadataDamagedException {
    boolean isGood =
        DerivedFiles.read(generations, MetadataFile.ACKNOWLEDGED, HighWaterMark::read)
            .filter(mark -> mark.store() == store)
            .isPresent();
    if (!isGood) {
      findings.add(
          Finding.stale(
              MetadataFile.ACKNOWLEDGED,
              "it is damaged, missing or of another store; damage to the end of the journal could"
                  + " not be detected"));
    }
  }

  private void checkIndex(
      Optional<CleanShutdownMarker> clean,
      JournalState journalState,
      NavigableMap<Long, SnapshotRecord> records)
      throws IOException, MetadataDamagedException {
    if (!generations.names().contains(MetadataFile.CLEAN)) {
      // The index will not be used.
      return;
    }
    if (clean.isEmpty()) {
      findings.add(
          Finding.stale(
              MetadataFile.CLEAN, "it is damaged or of another version; the index is not used"));
    } else if (clean.get().store() != journalState.last().header().store()
        || clean.get().nextSequence() != journalState.last().nextSequence()) {
      findings.add(
          Finding.stale(MetadataFile.CLEAN, "it is of an earlier stop or of another store"));
    } else if (!hasIndex(clean.get())) {
      findings.add(
          Finding.stale(MetadataFile.CLEAN, "the index is not the one that the stop left"));
    } else {
      findings.addAll(compareIndex(clean.get(), records));
    }
  }

  private boolean hasIndex(CleanShutdownMarker clean) throws ErrnoException {
    try {
      return generations.names().containsAll(MetadataFile.INDEX_FILES)
          && clean.matches(generations.directory());
    } catch (MetadataDamagedException e) {
      return false;
    }
  }

  private List<Finding> compareIndex(
      CleanShutdownMarker clean, NavigableMap<Long, SnapshotRecord> records) throws IOException {
    return IndexCopy.use(generations, clean, index -> IndexCheck.of(index, records));
  }

  // Damaged metadata.

  private Contents damaged(Optional<CleanShutdownMarker> clean, Finding finding)
      throws IOException, MetadataDamagedException {
    if (isIndexTrusted && clean.isPresent() && isLatest(clean.get()) && hasIndex(clean.get())) {
      CleanShutdownMarker marker = clean.get();
      findings.add(finding);
      return new Contents(
          marker.store(),
          IndexCopy.use(generations, marker, IndexCopy::records),
          marker.idLimit(),
          marker.trustedFrom(),
          marker.nextSequence(),
          List.of());
    }
    Salvage.Outcome salvaged = Salvage.of(generations);
    // The store stops at the first damage; the salvage finds all.
    if (salvaged.findings().stream().noneMatch(other -> isSamePlace(other, finding))) {
      findings.add(finding);
    }
    salvaged.findings().stream()
        .filter(other -> findings.stream().noneMatch(known -> isSamePlace(known, other)))
        .forEach(findings::add);
    return salvaged.contents();
  }

  private boolean isLatest(CleanShutdownMarker clean)
      throws ErrnoException, MetadataDamagedException {
    return DerivedFiles.read(generations, MetadataFile.ACKNOWLEDGED, HighWaterMark::read).stream()
        .allMatch(clean::covers);
  }

  private static boolean isSamePlace(Finding one, Finding other) {
    return one.isFatal() == other.isFatal()
        && one.file().equals(other.file())
        && one.offset() == other.offset();
  }
}
