package io.gatun.snapshot.metadata.repair;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.CleanShutdownMarker;
import io.gatun.snapshot.metadata.DerivedFiles;
import io.gatun.snapshot.metadata.journal.CheckpointReader;
import io.gatun.snapshot.metadata.journal.FileHeader;
import io.gatun.snapshot.metadata.journal.FileWindow;
import io.gatun.snapshot.metadata.journal.Finding;
import io.gatun.snapshot.metadata.journal.Frame;
import io.gatun.snapshot.metadata.journal.FrameContent;
import io.gatun.snapshot.metadata.journal.FrameScan;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.HighWaterMark;
import io.gatun.snapshot.metadata.journal.Ids;
import io.gatun.snapshot.metadata.journal.JournalState;
import io.gatun.snapshot.metadata.journal.MalformedException;
import io.gatun.snapshot.metadata.journal.MetadataDamagedException;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import io.gatun.snapshot.metadata.repair.SalvageSources.Source;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Salvages the intact parts of damaged checkpoints and journals, and lists the losses.
 *
 * <p>Processes the generations from the oldest. A complete checkpoint replaces the records found so
 * far; the parts of an incomplete one are added to them; then the intact batches of the journal are
 * replayed. As long as no batch is missing, the state is exact and incomplete checkpoints are not
 * needed. An inexact state may contain a removed snapshot or an old state of one; containerd
 * removes snapshots that it does not know. Records that refer to a lost one are dropped and listed.
 */
final class Salvage {

  /** Far more ids than lost batches can have reserved. */
  private static final long LOST_IDS_MAX = 1 << 20;

  private static final String MISSING = "a file that is missing";

  private final Generations generations;
  private final SalvageSources sources;
  private final Optional<HighWaterMark.Mark> mark;
  private final Optional<CleanShutdownMarker> clean;

  private final NavigableMap<Long, SnapshotRecord> records = new TreeMap<>();

  /** The order in which the records were found, to tell the later of two. */
  private final Map<Long, Long> found = new HashMap<>();

  private final List<Finding> findings = new ArrayList<>();
  private final List<String> losses = new ArrayList<>();
  private long founds;
  private long idLimit = Ids.FIRST;
  private long trustedFrom = Ids.FIRST;
  private long next = JournalState.FIRST_SEQUENCE;
  private boolean isExact = true;

  /** The salvaged content and the findings. */
  record Outcome(Contents contents, List<Finding> findings) {}

  private Salvage(
      Generations generations,
      SalvageSources sources,
      Optional<HighWaterMark.Mark> mark,
      Optional<CleanShutdownMarker> clean) {
    this.generations = generations;
    this.sources = sources;
    this.mark = mark;
    this.clean = clean;
  }

  /**
   * {@return the salvaged content}
   *
   * @throws MetadataDamagedException if a later version wrote part of it
   */
  static Outcome of(Generations generations) throws ErrnoException, MetadataDamagedException {
    Optional<HighWaterMark.Mark> mark =
        DerivedFiles.read(generations, MetadataFile.ACKNOWLEDGED, HighWaterMark::read);
    Optional<CleanShutdownMarker> clean =
        DerivedFiles.read(generations, MetadataFile.CLEAN, CleanShutdownMarker::read);
    OptionalLong store =
        mark.map(HighWaterMark.Mark::store)
            .or(() -> clean.map(CleanShutdownMarker::store))
            .map(OptionalLong::of)
            .orElse(OptionalLong.empty());
    SalvageSources sources = SalvageSources.of(generations, store);
    return new Salvage(
            generations,
            sources,
            mark.filter(read -> read.store() == sources.store()),
            clean.filter(read -> read.store() == sources.store()))
        .run();
  }

  private Outcome run() throws ErrnoException, MetadataDamagedException {
    findings.addAll(sources.findings());
    Set<Long> all = new TreeSet<>(sources.checkpoints().keySet());
    all.addAll(sources.journals().keySet());
    all.addAll(sources.headless().keySet());
    Optional<String> hole = Optional.empty();
    for (long generation : all) {
      if (sources.headless().containsKey(generation)) {
        hole = Optional.of(sources.headless().get(generation));
      }
      Source checkpoint = sources.checkpoints().get(generation);
      if (checkpoint != null && readCheckpoint(checkpoint)) {
        hole = Optional.empty();
      }
      Source journal = sources.journals().get(generation);
      if (journal != null) {
        reach(journal.header().firstSequence(), hole.orElse(MISSING));
        hole = Optional.empty();
        readJournal(journal);
      }
    }
    finish(hole);
    ConsistencyRules.resolve(records, record -> found.getOrDefault(record.id(), 0L))
        .forEach(this::lose);
    if (!isExact) {
      // The lost part may have recorded a failed sync.
      trustedFrom = idLimit;
      idLimit += LOST_IDS_MAX;
    }
    return new Outcome(
        new Contents(sources.store(), records, idLimit, trustedFrom, next, losses),
        List.copyOf(findings));
  }

  /** Records a loss if batches are missing before the given one. */
  private void reach(long sequence, String file) {
    if (sequence > next) {
      lose("the changes in %s, held by %s".formatted(batches(next, sequence - 1), file));
      next = sequence;
    }
  }

  private void lose(String sentence) {
    isExact = false;
    losses.add(sentence);
  }

  private static String batches(long first, long last) {
    return first == last ? "batch " + first : "batches %d to %d".formatted(first, last);
  }

  // Checkpoints.

  /** {@return whether it is complete, which makes everything before it irrelevant} */
  private boolean readCheckpoint(Source source) throws ErrnoException, MetadataDamagedException {
    Part part = new Part();
    boolean isWhole;
    try (FileWindow file = FileWindow.open(generations.directory(), source.name())) {
      FrameScan scan = scan(file, source);
      visit(file, source, scan, part, Long.MAX_VALUE);
      isWhole = part.end.isPresent() && part.end.getAsLong() == part.puts.size();
      if (isWhole) {
        // An intact end with the right count proves that no part is missing.
        records.clear();
        found.clear();
        losses.clear();
        isExact = true;
        next = source.header().firstSequence();
      } else {
        addCheckpointDamage(source, scan, file.sizeBytes());
        if (!isExact || next < source.header().firstSequence()) {
          lose(
              part.end.isPresent()
                  ? "%d of the %d snapshots in %s"
                      .formatted(
                          part.end.getAsLong() - part.puts.size(),
                          part.end.getAsLong(),
                          source.name())
                  : "an unknown number of the snapshots in %s; %d are left"
                      .formatted(source.name(), part.puts.size()));
          next = Math.max(next, source.header().firstSequence());
        }
      }
    }
    noteIds(part);
    if (isWhole || !isExact) {
      part.puts.forEach(this::put);
    }
    return isWhole;
  }

  private void addCheckpointDamage(Source source, FrameScan scan, long sizeBytes) {
    long expected = CheckpointReader.FIRST_FRAME;
    for (var frame : scan.frames().entrySet()) {
      if (frame.getKey() > expected) {
        findings.add(
            Finding.damage(
                source.name(),
                frame.getValue(),
                "parts %d to %d before this are damaged".formatted(expected, frame.getKey() - 1)));
      }
      expected = frame.getKey() + 1;
    }
    findings.add(Finding.damage(source.name(), sizeBytes, "the checkpoint is incomplete"));
  }

  /** The content of a checkpoint. */
  private static final class Part extends FrameContent {
    private final List<SnapshotRecord> puts = new ArrayList<>();
    private OptionalLong end = OptionalLong.empty();

    @Override
    public void onRecord(byte[] encoding, SnapshotRecord record) {
      puts.add(record);
    }

    @Override
    public void onRemove(long id) throws MalformedException {
      throw new MalformedException("a checkpoint removes a record");
    }

    @Override
    public void onEnd(long count) {
      end = OptionalLong.of(count);
    }
  }

  // Journals.

  private void readJournal(Source source) throws ErrnoException, MetadataDamagedException {
    Source following = following(source);
    long sealedAt = following == null ? Long.MAX_VALUE : following.header().firstSequence();
    try (FileWindow file = FileWindow.open(generations.directory(), source.name())) {
      FrameScan scan = scan(file, source);
      long offset = FileHeader.BYTES;
      for (var frame : scan.frames().headMap(sealedAt).tailMap(next).entrySet()) {
        if (frame.getKey() > next) {
          findings.add(
              Finding.damage(
                  source.name(),
                  offset,
                  "there is no intact " + batches(next, frame.getKey() - 1)));
          reach(frame.getKey(), source.name());
        }
        next = frame.getKey() + 1;
        offset = frame.getValue() + sizeOf(file, frame.getValue());
      }
      Replay replay = new Replay();
      visit(file, source, scan, replay, sealedAt);
      noteIds(replay);
      if (following != null && next < sealedAt) {
        findings.add(
            Finding.damage(
                source.name(), offset, "there is no intact " + batches(next, sealedAt - 1)));
        reach(sealedAt, source.name());
      }
      if (following == null) {
        checkEnd(source, file, offset);
      }
    }
  }

  private @Nullable Source following(Source source) {
    var later = sources.journals().higherEntry(source.header().generation());
    return later == null ? null : later.getValue();
  }

  private void checkEnd(Source source, FileWindow file, long offset) throws ErrnoException {
    long known = knownEnd();
    if (next < known) {
      findings.add(
          Finding.damage(source.name(), offset, "there is no intact " + batches(next, known - 1)));
      reach(known, source.name());
    } else if (mark.isEmpty() && clean.isEmpty() && !isZero(file, offset)) {
      findings.add(
          Finding.damage(
              source.name(),
              offset,
              "batch %d is incomplete, and no file says whether it was acknowledged"
                  .formatted(next)));
      lose("batch %d, if it was ever acknowledged".formatted(next));
    }
  }

  private static boolean isZero(FileWindow file, long offset) throws ErrnoException {
    try {
      return file.nextNonZero(offset) == file.sizeBytes();
    } catch (MetadataDamagedException e) {
      return false;
    }
  }

  /** {@return the sequence number below which other files prove that all was acknowledged} */
  private long knownEnd() {
    return Math.max(
        mark.map(read -> read.sequence() + 1).orElse(JournalState.FIRST_SEQUENCE),
        clean.map(CleanShutdownMarker::nextSequence).orElse(JournalState.FIRST_SEQUENCE));
  }

  private void finish(Optional<String> hole) {
    if (next < knownEnd()) {
      reach(knownEnd(), hole.orElse(MISSING));
    } else if (hole.isPresent() && mark.isEmpty() && clean.isEmpty()) {
      lose("the content of " + hole.get());
    }
    if (sources.checkpoints().isEmpty() && sources.journals().isEmpty()) {
      findings.add(
          Finding.damage(
              MetadataFile.checkpoint(Generations.FIRST),
              0,
              "no checkpoint and no journal can be read"));
      lose("everything: no checkpoint and no journal can be read");
    }
    clean.ifPresent(
        marker -> {
          idLimit = Math.max(idLimit, marker.idLimit());
          trustedFrom = Math.max(trustedFrom, marker.trustedFrom());
        });
  }

  /** Replays batches. */
  private final class Replay extends FrameContent {
    @Override
    public void onRecord(byte[] encoding, SnapshotRecord record) {
      put(record);
    }

    @Override
    public void onRemove(long id) {
      records.remove(id);
    }

    @Override
    public void onEnd(long count) throws MalformedException {
      throw new MalformedException("a journal has the end of a checkpoint");
    }
  }

  /** Raises the limits of reserved and of distrusted ids. */
  private void noteIds(FrameContent content) {
    idLimit = Math.max(idLimit, content.idLimit());
    trustedFrom = Math.max(trustedFrom, content.trustedFrom());
  }

  private void put(SnapshotRecord record) {
    records.put(record.id(), record);
    found.put(record.id(), founds++);
  }

  // Frames.

  private FrameScan scan(FileWindow file, Source source) throws ErrnoException {
    FrameScan scan = FrameScan.of(file, source.header().salt());
    findings.addAll(scan.unreadable());
    return scan;
  }

  private static int sizeOf(FileWindow file, long offset)
      throws ErrnoException, MetadataDamagedException {
    return Frame.sizeOf(Frame.bodyBytesOf(file.at(offset, Frame.HEADER_BYTES)));
  }

  private void visit(
      FileWindow file, Source source, FrameScan scan, Frame.Visitor visitor, long sequenceEnd)
      throws ErrnoException, MetadataDamagedException {
    for (long offset : scan.frames().headMap(sequenceEnd).values()) {
      Frame.visit(file.at(offset, sizeOf(file, offset)), source.name(), offset, visitor);
    }
  }
}
