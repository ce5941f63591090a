package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.SnapshotRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The newest checkpoint and the journals since, read without the index.
 *
 * @param checkpoint the generation of the checkpoint
 * @param checkpointBytes its size
 * @param last the journal that is appended to
 * @param idLimit every id below this may have been given out
 * @param trustedFrom every id below this had been given out when a sync failed
 * @param journals the number of journals since the checkpoint
 * @param batches the number of batches in them
 */
public record JournalState(
    long checkpoint,
    long checkpointBytes,
    JournalReader.Content last,
    long idLimit,
    long trustedFrom,
    int journals,
    long batches) {

  private static final Logger LOG = LoggerFactory.getLogger(JournalState.class);

  /** Batches are counted from 1, like ids. */
  public static final long FIRST_SEQUENCE = 1;

  /** Receives the records. */
  public interface Visitor {

    void onPut(byte[] encoding, SnapshotRecord record);

    void onRemove(long id);
  }

  /** For a caller that only checks completeness. */
  public static final Visitor IGNORING =
      new Visitor() {
        @Override
        public void onPut(byte[] encoding, SnapshotRecord record) {}

        @Override
        public void onRemove(long id) {}
      };

  /** Decodes records and passes them on. */
  private static final class Reading extends FrameContent {
    private final Visitor visitor;

    Reading(Visitor visitor) {
      this.visitor = visitor;
    }

    @Override
    public void onRecord(byte[] encoding, SnapshotRecord record) {
      visitor.onPut(encoding, record);
    }

    @Override
    public void onRemove(long id) {
      visitor.onRemove(id);
    }

    @Override
    public void onEnd(long count) {
      // CheckpointReader has already compared the count.
    }
  }

  /**
   * Reads the checkpoint and all journals.
   *
   * @param durableEnd the sequence number before which everything is known to be durable
   * @throws MetadataDamagedException if acknowledged changes may be missing
   */
  public static JournalState read(Generations generations, Visitor visitor, OptionalLong durableEnd)
      throws ErrnoException, MetadataDamagedException {
    NavigableSet<Long> checkpoints = generations.checkpoints();
    if (checkpoints.isEmpty()) {
      throw damage(MetadataFile.checkpoint(1), 0, "there is no checkpoint");
    }
    long generation = checkpoints.last();
    Reading reading = new Reading(visitor);
    FileHeader checkpoint = CheckpointReader.read(generations.directory(), generation, reading);
    List<JournalReader.Content> contents = readJournals(generations, checkpoint, reading);
    JournalReader.Content last = contents.getLast();
    if (durableEnd.isPresent() && last.nextSequence() < durableEnd.getAsLong()) {
      throw damage(
          last.name(),
          last.endOffset(),
          "there is no intact batch %d, but the store stopped with batch %d"
              .formatted(last.nextSequence(), durableEnd.getAsLong() - 1));
    }
    requireAcknowledged(generations, last);
    return new JournalState(
        generation,
        Stat.statx(generations.directory(), MetadataFile.path(MetadataFile.checkpoint(generation)))
            .sizeBytes(),
        last,
        reading.idLimit(),
        reading.trustedFrom(),
        contents.size(),
        last.nextSequence() - contents.getFirst().header().firstSequence());
  }

  private static List<JournalReader.Content> readJournals(
      Generations generations, FileHeader checkpoint, Reading reading)
      throws ErrnoException, MetadataDamagedException {
    List<Long> journals = List.copyOf(generations.journals().tailSet(checkpoint.generation()));
    if (journals.isEmpty()) {
      throw damage(
          MetadataFile.journal(checkpoint.generation()),
          0,
          "the journal of the checkpoint is missing");
    }
    List<FileHeader> headers = new ArrayList<>();
    for (long journal : journals) {
      FileHeader header = JournalReader.readHeader(generations.directory(), journal);
      header.requireSameStore(checkpoint);
      headers.add(header);
    }
    long expected = checkpoint.firstSequence();
    List<JournalReader.Content> contents = new ArrayList<>();
    for (int i = 0; i < journals.size(); i++) {
      FileHeader header = headers.get(i);
      if (header.firstSequence() != expected) {
        throw damage(
            MetadataFile.journal(header.generation()),
            0,
            "it begins with batch %d instead of %d: a journal is missing"
                .formatted(header.firstSequence(), expected));
      }
      OptionalLong sealedAt =
          i + 1 < headers.size()
              ? OptionalLong.of(headers.get(i + 1).firstSequence())
              : OptionalLong.empty();
      JournalReader.Content content =
          JournalReader.read(generations.directory(), header.generation(), sealedAt, reading);
      contents.add(content);
      expected = content.nextSequence();
    }
    return contents;
  }

  /** Checks the journal's end against the {@link HighWaterMark}. */
  private static void requireAcknowledged(Generations generations, JournalReader.Content last)
      throws ErrnoException, MetadataDamagedException {
    Optional<HighWaterMark.Mark> mark = readMark(generations, last.header().store());
    if (mark.isEmpty()) {
      if (last.tail().isPresent()) {
        throw damage(
            MetadataFile.ACKNOWLEDGED,
            0,
            "it is damaged or missing, and %s: the batch may have been acknowledged"
                .formatted(last.tail().get()));
      }
      LOG.warn(
          "the high-water mark is damaged or missing and is rebuilt file=metadata/{}",
          MetadataFile.ACKNOWLEDGED);
      return;
    }
    if (mark.get().generation() > last.header().generation()) {
      throw damage(
          MetadataFile.journal(mark.get().generation()),
          0,
          "it is missing, but batches up to %d were acknowledged".formatted(mark.get().sequence()));
    }
    if (mark.get().sequence() >= last.nextSequence()) {
      throw damage(
          last.name(),
          last.endOffset(),
          "there is no intact batch %d, but batches up to %d were acknowledged"
              .formatted(last.nextSequence(), mark.get().sequence()));
    }
  }

  private static Optional<HighWaterMark.Mark> readMark(Generations generations, long store)
      throws ErrnoException, MetadataDamagedException {
    return generations.names().contains(MetadataFile.ACKNOWLEDGED)
        ? HighWaterMark.read(generations.directory()).filter(mark -> mark.store() == store)
        : Optional.empty();
  }

  private static MetadataDamagedException damage(String file, long offset, String sentence) {
    return new MetadataDamagedException(Finding.damage(file, offset, sentence));
  }
}
