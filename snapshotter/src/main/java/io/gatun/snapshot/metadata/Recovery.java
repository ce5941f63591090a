package io.gatun.snapshot.metadata;

import java.io.IOException;
import java.util.List;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is done with the files when the store is opened: the index is used after a clean stop, and
 * otherwise made anew from checkpoint and journal; what nobody was told of is cut off; what was
 * acknowledged and is not there any more is a reason not to start.
 */
final class Recovery {

  private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);

  private static final long FIRST_GENERATION = 1;
  private static final long FIRST_SEQUENCE = 1;

  private final Generations generations;

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

  Recovery(Generations generations) {
    this.generations = generations;
  }

  Recovered recover() throws IOException, MetadataDamagedException {
    long started = System.nanoTime();
    removeUnfinished();
    if (isNew()) {
      initialize();
    }
    Optional<CleanMarker> clean = readCleanMarker();
    Recovered recovered = clean.isPresent() ? reopen(clean.get()) : rebuild();
    LOG.info(
        "metadata=open snapshots={} after={} next_batch={} millis={}",
        recovered.index.count(),
        clean.isPresent() ? "clean-stop" : "crash-or-first-start",
        recovered.nextSequence,
        (System.nanoTime() - started) / 1_000_000);
    return recovered;
  }

  private void removeUnfinished() throws IOException {
    for (String name : generations.names()) {
      if (name.endsWith(MetadataFile.TEMPORARY_SUFFIX)) {
        DurableFile.removeIfThere(generations.disk(), generations.directory(), name);
      }
    }
  }

  /**
   * {@return whether nothing was ever acknowledged here}
   *
   * <p>A new store gets {@code acknowledged} last; so without it, there may be a first journal and
   * a first checkpoint, which are empty.
   */
  private boolean isNew() throws IOException {
    List<String> names = generations.names();
    if (names.contains(MetadataFile.ACKNOWLEDGED) || names.contains(MetadataFile.CLEAN)) {
      return false;
    }
    Set<Long> first = Set.of(FIRST_GENERATION);
    NavigableSet<Long> journals = generations.journals();
    NavigableSet<Long> checkpoints = generations.checkpoints();
    if (!first.containsAll(journals) || !first.containsAll(checkpoints)) {
      return false;
    }
    Emptiness emptiness = new Emptiness();
    if (!checkpoints.isEmpty()) {
      CheckpointReader.read(generations.directory(), FIRST_GENERATION, emptiness);
    }
    if (!journals.isEmpty()) {
      JournalReader.read(
          generations.directory(), FIRST_GENERATION, OptionalLong.empty(), emptiness);
    }
    return emptiness.isEmpty;
  }

  /** Finds out whether there is anything. */
  private static final class Emptiness implements Frame.Visitor {
    private boolean isEmpty = true;

    @Override
    public void onPut(byte[] encoding) {
      isEmpty = false;
    }

    @Override
    public void onRemove(long id) {
      isEmpty = false;
    }

    @Override
    public void onReserve(long idsEnd) {
      isEmpty &= idsEnd == Truth.FIRST_ID;
    }

    @Override
    public void onEnd(long count) {
      isEmpty &= count == 0;
    }
  }

  private void initialize() throws IOException {
    for (String name :
        List.of(
            MetadataFile.journal(FIRST_GENERATION), MetadataFile.checkpoint(FIRST_GENERATION))) {
      DurableFile.removeIfThere(generations.disk(), generations.directory(), name);
    }
    try (JournalFile journal = generations.begin(FIRST_GENERATION, FIRST_SEQUENCE);
        CheckpointWriter checkpoint = generations.checkpoint(journal.header())) {
      checkpoint.reserve(Truth.FIRST_ID);
      checkpoint.publish();
    }
    Acknowledged.create(generations.disk(), generations.directory(), FIRST_SEQUENCE - 1).close();
  }

  private Optional<CleanMarker> readCleanMarker() throws IOException {
    if (!generations.names().contains(MetadataFile.CLEAN)) {
      return Optional.empty();
    }
    Optional<CleanMarker> marker = CleanMarker.read(generations.directory());
    if (marker.isEmpty()
        || marker.get().entriesMax() != generations.settings().entriesMax()
        || !generations.names().containsAll(Index.FILES)
        || !marker.get().matches(generations.directory())) {
      removeCleanMarker();
      return Optional.empty();
    }
    return marker;
  }

  private void removeCleanMarker() throws IOException {
    DurableFile.removeIfThere(generations.disk(), generations.directory(), MetadataFile.CLEAN);
    generations.syncDirectory();
  }

  // After a clean stop.

  private Recovered reopen(CleanMarker clean) throws IOException {
    Truth truth;
    try {
      truth = Truth.read(generations, Truth.IGNORING);
      if (truth.last().nextSequence() < clean.nextSequence()) {
        throw new MetadataDamagedException(
            Finding.damage(
                truth.last().name(),
                truth.last().endOffset(),
                "there is no intact batch %d, but the store stopped with batch %d"
                    .formatted(truth.last().nextSequence(), clean.nextSequence() - 1)));
      }
    } catch (MetadataDamagedException e) {
      if (e.finding().severity() == Finding.Severity.UNKNOWN_VERSION) {
        throw e;
      }
      LOG.error(
          "msg=\"{}; the index is intact, and everything is written anew from it\"", e.finding());
      return heal(clean);
    }
    removeCleanMarker();
    if (truth.last().nextSequence() > clean.nextSequence()) {
      // The marker is from an earlier time; somebody has put it back.
      return rebuild();
    }
    Index index = openIndex(clean);
    boolean isComplete = false;
    try {
      JournalFile journal =
          JournalFile.resume(generations.disk(), generations.directory(), truth.last());
      Recovered recovered = recovered(index, truth, journal);
      isComplete = true;
      return recovered;
    } finally {
      if (!isComplete) {
        index.close();
      }
    }
  }

  private Index openIndex(CleanMarker clean) throws IOException {
    return Index.open(generations.path(), clean.entriesMax(), clean.count(), clean.recordBytes());
  }

  /**
   * Writes a checkpoint and a journal in place of those that are damaged, from an index that is
   * not.
   */
  private Recovered heal(CleanMarker clean) throws IOException {
    long generation = FIRST_GENERATION;
    for (long other : generations.journals()) {
      generation = Math.max(generation, other + 1);
    }
    for (long other : generations.checkpoints()) {
      generation = Math.max(generation, other + 1);
    }
    Index index = openIndex(clean);
    boolean isComplete = false;
    try {
      JournalFile journal = generations.begin(generation, clean.nextSequence());
      Ids ids = new Ids(clean.idsEnd());
      long bytes = generations.writeCheckpoint(journal.header(), index, ids::end);
      generations.deleteBefore(generation);
      Recovered recovered =
          new Recovered(
              index,
              ids,
              journal,
              clean.nextSequence(),
              acknowledge(clean.nextSequence()),
              generation,
              bytes);
      removeCleanMarker();
      isComplete = true;
      return recovered;
    } finally {
      if (!isComplete) {
        index.close();
      }
    }
  }

  // After anything else.

  private Recovered rebuild() throws IOException {
    Index index =
        Index.create(
            generations.disk(),
            generations.directory(),
            generations.path(),
            generations.settings().entriesMax());
    boolean isComplete = false;
    try {
      Truth truth = Truth.read(generations, new Loader(index));
      Optional<String> contradiction = index.link();
      if (contradiction.isPresent()) {
        throw new MetadataDamagedException(
            Finding.damage(truth.last().name(), 0, contradiction.get()));
      }
      truth.last().tail().ifPresent(tail -> LOG.warn("msg=\"{}; it is cut off\"", tail));
      JournalFile journal =
          JournalFile.recover(generations.disk(), generations.directory(), truth.last());
      // Names that were given before the crash may not be on disk yet.
      generations.syncDirectory();
      Recovered recovered = recovered(index, truth, journal);
      isComplete = true;
      return recovered;
    } finally {
      if (!isComplete) {
        index.close();
      }
    }
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

  private Recovered recovered(Index index, Truth truth, JournalFile journal) throws IOException {
    generations.deleteBefore(truth.checkpoint());
    return new Recovered(
        index,
        new Ids(truth.idsEnd()),
        journal,
        truth.last().nextSequence(),
        acknowledge(truth.last().nextSequence()),
        truth.checkpoint(),
        truth.checkpointBytes());
  }

  private Acknowledged acknowledge(long nextSequence) throws IOException {
    return Acknowledged.create(generations.disk(), generations.directory(), nextSequence - 1);
  }
}
