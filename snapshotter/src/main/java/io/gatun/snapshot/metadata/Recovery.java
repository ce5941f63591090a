package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.Opened;
import io.gatun.snapshot.metadata.journal.Acknowledged;
import io.gatun.snapshot.metadata.journal.CheckpointWriter;
import io.gatun.snapshot.metadata.journal.DurableFile;
import io.gatun.snapshot.metadata.journal.FileHeader;
import io.gatun.snapshot.metadata.journal.Finding;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.Ids;
import io.gatun.snapshot.metadata.journal.JournalFile;
import io.gatun.snapshot.metadata.journal.MetadataDamagedException;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import io.gatun.snapshot.metadata.journal.Truth;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is done with the files when the store is opened: the index is used after a clean stop, and
 * otherwise made anew from checkpoint and journal; what nobody was told of is cut off; what was
 * acknowledged and is not there any more is a reason not to start.
 */
final class Recovery {

  private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);

  private final Generations generations;
  private final Opened opened;

  /**
   * What the store goes on with.
   *
   * @param checkpoint the generation of the newest checkpoint
   * @param checkpointBytes how large that is, about
   */
  record Recovered(
      Index index,
      Ids ids,
      JournalFile journal,
      long nextSequence,
      Acknowledged acknowledged,
      long checkpoint,
      long checkpointBytes) {}

  /**
   * @param opened is given what the store goes on with, so that it is closed if the start fails
   */
  Recovery(Generations generations, Opened opened) {
    this.generations = generations;
    this.opened = opened;
  }

  Recovered recover() throws IOException, MetadataDamagedException {
    long started = System.nanoTime();
    generations.requireFiles();
    removeUnfinished();
    if (NewStore.isAt(generations)) {
      initialize();
    }
    Optional<CleanMarker> clean =
        generations.names().contains(MetadataFile.CLEAN)
            ? CleanMarker.read(generations.directory())
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
            generations.begin(Generations.newStore(), Generations.FIRST, Truth.FIRST_SEQUENCE);
        CheckpointWriter checkpoint = generations.checkpoint(journal.header())) {
      checkpoint.ids(Ids.FIRST, Ids.FIRST);
      checkpoint.publish();
      acknowledge(journal.header(), Truth.FIRST_SEQUENCE).close();
    }
  }

  private boolean isUsable(CleanMarker clean) throws ErrnoException, MetadataDamagedException {
    return clean.entriesMax() == generations.settings().entriesMax()
        && generations.names().containsAll(MetadataFile.INDEX_FILES)
        && clean.matches(generations.directory());
  }

  private void removeCleanMarker() throws ErrnoException {
    DurableFile.removeIfThere(generations.disk(), generations.directory(), MetadataFile.CLEAN);
    generations.syncDirectory();
  }

  // After a clean stop.

  private Recovered reopen(CleanMarker clean) throws IOException, MetadataDamagedException {
    Truth truth;
    try {
      truth = Truth.read(generations, Truth.IGNORING, OptionalLong.of(clean.nextSequence()));
    } catch (MetadataDamagedException e) {
      if (e.finding().severity() == Finding.Severity.UNKNOWN_VERSION || !isLatest(clean)) {
        throw e;
      }
      LOG.error(
          "msg=\"{}; the index is intact, and everything is written anew from it\"", e.finding());
      return heal(clean, e);
    }
    if (truth.last().nextSequence() > clean.nextSequence()
        || truth.last().header().store() != clean.store()) {
      // The marker is from an earlier time, or from elsewhere; somebody has put it here.
      return rebuild(Optional.empty());
    }
    removeCleanMarker();
    Index index;
    try {
      index = openIndex(clean);
    } catch (IOException | RuntimeException e) {
      LOG.warn("msg=\"the index cannot be opened and is made anew\" reason=\"{}\"", e.toString());
      return rebuild(Optional.empty());
    }
    return recovered(
        index,
        truth,
        keep(JournalFile.resume(generations.disk(), generations.directory(), truth.last())));
  }

  private JournalFile keep(JournalFile journal) {
    return opened.keep(journal, JournalFile::close);
  }

  /** {@return whether nothing is known to have been acknowledged after this stop} */
  private boolean isLatest(CleanMarker clean) throws ErrnoException, MetadataDamagedException {
    return DerivedFiles.read(generations, MetadataFile.ACKNOWLEDGED, Acknowledged::read).stream()
        .allMatch(clean::covers);
  }

  private Index openIndex(CleanMarker clean) throws IOException {
    return opened.keep(
        Index.open(generations.path(), clean.entriesMax(), clean.count(), clean.recordBytes()),
        Index::close);
  }

  /**
   * Writes a checkpoint and a journal in place of those that are damaged, from an index that is
   * not.
   */
  private Recovered heal(CleanMarker clean, MetadataDamagedException damage) throws IOException {
    Index index;
    try {
      index = openIndex(clean);
    } catch (IOException | RuntimeException e) {
      damage.addSuppressed(e);
      throw damage;
    }
    long generation = generations.next();
    JournalFile journal = keep(generations.begin(clean.store(), generation, clean.nextSequence()));
    Ids ids = new Ids(clean.idsEnd(), clean.trustedFrom());
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
    removeCleanMarker();
    return recovered;
  }

  // After anything else.

  /**
   * @param clean the marker of a clean stop whose index cannot be used
   */
  private Recovered rebuild(Optional<CleanMarker> clean)
      throws IOException, MetadataDamagedException {
    OptionalLong durableEnd =
        clean.map(marker -> OptionalLong.of(marker.nextSequence())).orElse(OptionalLong.empty());
    if (clean.isPresent()) {
      // Should checkpoint or journal be damaged, then the index, made for other settings, may be
      // all
      // there is. So it is not touched before they have been read.
      Truth.read(generations, Truth.IGNORING, durableEnd);
    }
    Index index =
        opened.keep(
            Index.create(
                generations.disk(),
                generations.directory(),
                generations.path(),
                generations.settings().entriesMax()),
            Index::close);
    Truth truth = Truth.read(generations, new Loader(index), durableEnd);
    Optional<String> contradiction = index.link();
    if (contradiction.isPresent()) {
      throw new MetadataDamagedException(
          Finding.damage(truth.last().name(), 0, contradiction.get()));
    }
    truth.last().tail().ifPresent(tail -> LOG.warn("msg=\"{}; it is cut off\"", tail));
    JournalFile journal =
        keep(JournalFile.recover(generations.disk(), generations.directory(), truth.last()));
    // This also syncs the directory: names that were given before the crash may not be on disk yet.
    removeCleanMarker();
    return recovered(index, truth, journal);
  }

  /** Puts what is read into the index. */
  private record Loader(Index index) implements Truth.Visitor {

    @Override
    public void onPut(byte[] encoding, SnapshotRecord record) {
      index.load(encoding);
    }

    @Override
    public void onRemove(long id) {
      index.unload(id);
    }
  }

  private Recovered recovered(Index index, Truth truth, JournalFile journal) throws ErrnoException {
    Acknowledged acknowledged = acknowledge(journal.header(), truth.last().nextSequence());
    generations.deleteBefore(truth.checkpoint());
    return new Recovered(
        index,
        new Ids(truth.idsEnd(), truth.trustedFrom()),
        journal,
        truth.last().nextSequence(),
        acknowledged,
        truth.checkpoint(),
        truth.checkpointBytes());
  }

  private Acknowledged acknowledge(FileHeader journal, long nextSequence) throws ErrnoException {
    return opened.keep(
        Acknowledged.create(
            generations.disk(),
            generations.directory(),
            new Acknowledged.Mark(journal.store(), journal.generation(), nextSequence - 1)),
        Acknowledged::close);
  }
}
