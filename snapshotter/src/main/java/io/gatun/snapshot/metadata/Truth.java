package io.gatun.snapshot.metadata;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableSet;
import java.util.OptionalLong;

/**
 * The newest checkpoint and the journals since, read without the index.
 *
 * @param checkpoint the generation of the checkpoint
 * @param checkpointBytes how large it is
 * @param last the journal that is appended to
 * @param idsEnd every id below this may have been given to somebody
 * @param journals how many journals there are since the checkpoint
 * @param batches how many batches they hold
 */
record Truth(
    long checkpoint,
    long checkpointBytes,
    JournalReader.Content last,
    long idsEnd,
    int journals,
    long batches) {

  /** Ids start at 1. */
  static final long FIRST_ID = 1;

  /** What is told about records; the rest is kept here. */
  interface Visitor {

    void onPut(byte[] encoding, SnapshotRecord record);

    void onRemove(long id);
  }

  /** For who wants to know only whether all is there. */
  static final Visitor IGNORING =
      new Visitor() {
        @Override
        public void onPut(byte[] encoding, SnapshotRecord record) {}

        @Override
        public void onRemove(long id) {}
      };

  /** Checks records on their way, and keeps the end of the ids. */
  private static final class Reading implements Frame.Visitor {
    private final Visitor visitor;
    private long idsEnd = FIRST_ID;

    Reading(Visitor visitor) {
      this.visitor = visitor;
    }

    @Override
    public void onPut(byte[] encoding) throws MalformedException {
      SnapshotRecord record = RecordCodec.decode(encoding);
      visitor.onPut(encoding, record);
      idsEnd = Math.max(idsEnd, record.id() + 1);
    }

    @Override
    public void onRemove(long id) {
      visitor.onRemove(id);
    }

    @Override
    public void onReserve(long end) {
      idsEnd = Math.max(idsEnd, end);
    }

    @Override
    public void onEnd(long count) {
      // The reader of the checkpoint has compared the number.
    }
  }

  /**
   * Reads all there is.
   *
   * @throws MetadataDamagedException if something that was acknowledged may be missing
   */
  static Truth read(Generations generations, Visitor visitor)
      throws IOException, MetadataDamagedException {
    NavigableSet<Long> checkpoints = generations.checkpoints();
    if (checkpoints.isEmpty()) {
      throw damage(MetadataFile.checkpoint(1), 0, "there is no checkpoint at all");
    }
    long generation = checkpoints.last();
    Reading reading = new Reading(visitor);
    FileHeader checkpoint = CheckpointReader.read(generations.directory(), generation, reading);
    List<JournalReader.Content> contents = readJournals(generations, checkpoint, reading);
    JournalReader.Content last = contents.getLast();
    requireAcknowledged(generations, last);
    return new Truth(
        generation,
        Files.size(generations.path().resolve(MetadataFile.checkpoint(generation))),
        last,
        reading.idsEnd,
        contents.size(),
        last.nextSequence() - contents.getFirst().header().firstSequence());
  }

  private static List<JournalReader.Content> readJournals(
      Generations generations, FileHeader checkpoint, Reading reading)
      throws IOException, MetadataDamagedException {
    List<Long> journals = List.copyOf(generations.journals().tailSet(checkpoint.generation()));
    if (journals.isEmpty()) {
      throw damage(
          MetadataFile.journal(checkpoint.generation()),
          0,
          "the journal is missing that belongs to the checkpoint");
    }
    List<FileHeader> headers = new ArrayList<>();
    for (long journal : journals) {
      headers.add(JournalReader.readHeader(generations.directory(), journal));
    }
    long expected = checkpoint.firstSequence();
    List<JournalReader.Content> contents = new ArrayList<>();
    for (int i = 0; i < journals.size(); i++) {
      FileHeader header = headers.get(i);
      if (header.firstSequence() != expected) {
        throw damage(
            MetadataFile.journal(header.generation()),
            0,
            "it begins with batch %d, and batch %d was to follow: a journal is missing"
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

  private static void requireAcknowledged(Generations generations, JournalReader.Content last)
      throws IOException, MetadataDamagedException {
    if (!generations.names().contains(MetadataFile.ACKNOWLEDGED)) {
      return;
    }
    OptionalLong acknowledged = Acknowledged.read(generations.directory());
    if (acknowledged.isPresent() && acknowledged.getAsLong() >= last.nextSequence()) {
      throw damage(
          last.name(),
          last.endOffset(),
          "there is no intact batch %d, but batches up to %d were acknowledged"
              .formatted(last.nextSequence(), acknowledged.getAsLong()));
    }
  }

  private static MetadataDamagedException damage(String file, long offset, String sentence) {
    return new MetadataDamagedException(Finding.damage(file, offset, sentence));
  }
}
