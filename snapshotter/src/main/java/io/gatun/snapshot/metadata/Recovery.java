package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.Closer;
import io.gatun.snapshot.metadata.journal.CheckpointWriter;
import io.gatun.snapshot.metadata.journal.DurableFile;
import io.gatun.snapshot.metadata.journal.FileHeader;
import io.gatun.snapshot.metadata.journal.Finding;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.HighWaterMark;
import io.gatun.snapshot.metadata.journal.Ids;
import io.gatun.snapshot.metadata.journal.JournalFile;
import io.gatun.snapshot.metadata.journal.JournalState;
import io.gatun.snapshot.metadata.journal.MetadataDamagedException;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Recovers the store's files at start. After a clean stop it uses the index; otherwise it rebuilds
 * the index from checkpoint and journal and cuts off the unacknowledged end. It fails if
 * acknowledged changes are missing.
 */
final class Recovery {

  private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);

  private final Generations generations;
  private final Closer closer;

  /**
   * The recovered state.
   *
   * @param checkpoint the generation of the newest checkpoint
   * @param checkpointBytes its approximate size
   */
  record Recovered(
      Index index,
      Ids ids,
      JournalFile journal,
      long nextSequence,
      HighWaterMark highWaterMark,
      long checkpoint,
      long checkpointBytes) {}

  /**
   * @param closer takes over the opened files, to close them if the start fails
   */
  Recovery(Generations generations, Closer closer) {
    this.generations = generations;
    this.closer = closer;
  }

  Recovered recover() throws IOException, MetadataDamagedException {
    long started = System.nanoTime();
    generations.requireFiles();
    removeUnfinished();
    if (NewStore.isAt(generations)) {
      initialize();
    }
    Optional<CleanShutdownMarker> clean =
        generations.names().contains(MetadataFile.CLEAN)
            ? CleanShutdownMarker.read(generations.directory())
            : Optional.empty();
    boolean isIndexUsable = clean.isPresent() && isUsable(clean.get());
    Recovered recovered = isIndexUsable ? reopen(clean.get()) : rebuild(clean);
    LOG.info(
        "metadata=open snapshots={} after={} next_batch={} millis={}",
        recovered.index.count(),
        isIndexUsable ? "clean-stop" : "crash-or-first-start",
        recovered.nextSequence,
        (System.nanoTime() - started) / 1_000_000);
    return recovered;
  }

  private void removeUnfinished() throws ErrnoException {
    for (String name : generations.names()) {
      if (MetadataFile.isOurs(name) && name.endsWith(MetadataFile.TEMPORARY_SUFFIX)) {
        DurableFile.removeIfThere(generations.disk(), generations.directory(), name);
      }
    }
  }

  private void initialize() throws ErrnoException {
    for (String name :
        List.of(
            MetadataFile.journal(Generations.FIRST), MetadataFile.checkpoint(Generations.FIRST))) {
      DurableFile.removeIfThere(generations.disk(), generations.directory(), name);
    }
    try (JournalFile journal =
            generations.begin(
                Generations.newStore(), Generations.FIRST, JournalState.FIRST_SEQUENCE);
        CheckpointWriter checkpoint = generations.checkpoint(journal.header())) {
      checkpoint.ids(Ids.FIRST, Ids.FIRST);
      checkpoint.publish();
      acknowledge(journal.header(), JournalState.FIRST_SEQUENCE).close();
    }
  }

  private boolean isUsable(CleanShutdownMarker clean)
      throws ErrnoException, MetadataDamagedException {
    return clean.entriesMax() == generations.settings().entriesMax()
        && generations.names().containsAll(MetadataFile.INDEX_FILES)
        && clean.matches(generations.directory());
  }

  private void removeCleanShutdownMarker() throws ErrnoException {
    DurableFile.removeIfThere(generations.disk(), generations.directory(), MetadataFile.CLEAN);
    generations.syncDirectory();
  }

  // After a clean stop.

  private Recovered reopen(CleanShutdownMarker clean) throws IOException, MetadataDamagedException {
    JournalState journalState;
    try {
      journalState =
          JournalState.read(
              generations, JournalState.IGNORING, OptionalLong.of(clean.nextSequence()));
    } catch (MetadataDamagedException e) {
      if (e.finding().severity() == Finding.Severity.UNKNOWN_VERSION || !isLatest(clean)) {
        throw e;
      }
      LOG.error(
          "metadata is damaged; the index is intact, and all metadata is rewritten from it error=\"{}\"",
          e.finding());
      return heal(clean, e);
    }
    if (journalState.last().nextSequence() > clean.nextSequence()
        || journalState.last().header().store() != clean.store()) {
      // The marker is older than the journal or of another store: it was copied here.
      return rebuild(Optional.empty());
    }
    removeCleanShutdownMarker();
    Index index;
    try {
      index = openIndex(clean);
    } catch (IOException | RuntimeException e) {
      LOG.warn("the index cannot be opened and is rebuilt error=\"{}\"", e.toString());
      return rebuild(Optional.empty());
    }
    return recovered(
        index,
        journalState,
        keep(JournalFile.resume(generations.disk(), generations.directory(), journalState.last())));
  }

  private JournalFile keep(JournalFile journal) {
    return closer.keep(journal, JournalFile::close);
  }

  /** {@return whether no acknowledgment is known after this stop} */
  private boolean isLatest(CleanShutdownMarker clean)
      throws ErrnoException, MetadataDamagedException {
    return DerivedFiles.read(generations, MetadataFile.ACKNOWLEDGED, HighWaterMark::read).stream()
        .allMatch(clean::covers);
  }

  private Index openIndex(CleanShutdownMarker clean) throws IOException {
    return closer.keep(
        Index.open(generations.path(), clean.entriesMax(), clean.count(), clean.recordBytes()),
        Index::close);
  }

  /** Replaces a damaged checkpoint or journal by new ones written from the intact index. */
  private Recovered heal(CleanShutdownMarker clean, MetadataDamagedException damage)
      throws IOException {
    Index index;
    try {
      index = openIndex(clean);
    } catch (IOException | RuntimeException e) {
      damage.addSuppressed(e);
      throw damage;
    }
    long generation = generations.next();
    JournalFile journal = keep(generations.begin(clean.store(), generation, clean.nextSequence()));
    Ids ids = new Ids(clean.idLimit(), clean.trustedFrom());
    long bytes = index.writeCheckpoint(generations, journal.header(), ids);
    generations.deleteBefore(generation);
    Recovered recovered =
        new Recovered(
            index,
            ids,
            journal,
            clean.nextSequence(),
            acknowledge(journal.header(), clean.nextSequence()),
            generation,
            bytes);
    removeCleanShutdownMarker();
    return recovered;
  }

  // After anything else.

  /**
   * @param clean the marker of a clean stop whose index cannot be used
   */
  private Recovered rebuild(Optional<CleanShutdownMarker> clean)
      throws IOException, MetadataDamagedException {
    OptionalLong durableEnd =
        clean.map(marker -> OptionalLong.of(marker.nextSequence())).orElse(OptionalLong.empty());
    if (clean.isPresent()) {
      // If checkpoint or journal is damaged, the index, built for other settings, may be the only
      // copy. It is kept until both have been read.
      JournalState.read(generations, JournalState.IGNORING, durableEnd);
    }
    Index index =
        closer.keep(
            Index.create(
                generations.disk(),
                generations.directory(),
                generations.path(),
                generations.settings().entriesMax()),
            Index::close);
    JournalState journalState = JournalState.read(generations, new Loader(index), durableEnd);
    Optional<String> contradiction = index.link();
    if (contradiction.isPresent()) {
      throw new MetadataDamagedException(
          Finding.damage(journalState.last().name(), 0, contradiction.get()));
    }
    journalState
        .last()
        .tail()
        .ifPresent(tail -> LOG.warn("the end of the journal is cut off error=\"{}\"", tail));
    JournalFile journal =
        keep(JournalFile.recover(generations.disk(), generations.directory(), journalState.last()));
    // This also syncs the directory: names given before the crash may not be on disk yet.
    removeCleanShutdownMarker();
    return recovered(index, journalState, journal);
  }

  private record Loader(Index index) implements JournalState.Visitor {

    @Override
    public void onPut(byte[] encoding, SnapshotRecord record) {
      index.load(encoding);
    }

    @Override
    public void onRemove(long id) {
      index.unload(id);
    }
  }

  private Recovered recovered(Index index, JournalState journalState, JournalFile journal)
      throws ErrnoException {
    HighWaterMark highWaterMark = acknowledge(journal.header(), journalState.last().nextSequence());
    generations.deleteBefore(journalState.checkpoint());
    return new Recovered(
        index,
        new Ids(journalState.idLimit(), journalState.trustedFrom()),
        journal,
        journalState.last().nextSequence(),
        highWaterMark,
        journalState.checkpoint(),
        journalState.checkpointBytes());
  }

  private HighWaterMark acknowledge(FileHeader journal, long nextSequence) throws ErrnoException {
    return closer.keep(
        HighWaterMark.create(
            generations.disk(),
            generations.directory(),
            new HighWaterMark.Mark(journal.store(), journal.generation(), nextSequence - 1)),
        HighWaterMark::close);
  }
}
