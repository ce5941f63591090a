package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Reads a journal front to back and tells a torn tail from damage.
 *
 * <p>A batch is written only after the fdatasync(2) of the previous one has returned. After a power
 * failure at most the last batch can be incomplete; it was not acknowledged and is cut off. If an
 * intact frame with a later sequence number lies anywhere behind a bad place, that place had been
 * durable and is damaged.
 */
public final class JournalReader {

  /**
   * The result of reading one journal.
   *
   * @param name the file name
   * @param endOffset the offset of the next frame
   * @param nextSequence the sequence number of the next frame
   * @param lastFrame the offset of the last frame, if any
   * @param sizeBytes the size of the file
   * @param tail the torn tail behind the end, if it is not zeros
   */
  public record Content(
      String name,
      FileHeader header,
      long endOffset,
      long nextSequence,
      OptionalLong lastFrame,
      long sizeBytes,
      Optional<Finding> tail) {}

  private final FileWindow file;
  private final String name;
  private final FileHeader header;

  private JournalReader(FileWindow file, String name, FileHeader header) {
    this.file = file;
    this.name = name;
    this.header = header;
  }

  static FileHeader readHeader(Fd directory, long generation)
      throws ErrnoException, MetadataDamagedException {
    String name = MetadataFile.journal(generation);
    try (FileWindow file = FileWindow.open(directory, name)) {
      return header(file, name, generation);
    }
  }

  /**
   * Visits every entry of a journal.
   *
   * @param sealedAt the first sequence number of the next journal, if there is one; frames of this
   *     journal from there on are ignored, because the store itself did not trust them
   * @throws MetadataDamagedException if durable data is missing
   */
  public static Content read(
      Fd directory, long generation, OptionalLong sealedAt, Frame.Visitor visitor)
      throws ErrnoException, MetadataDamagedException {
    String name = MetadataFile.journal(generation);
    try (FileWindow file = FileWindow.open(directory, name)) {
      FileHeader header = header(file, name, generation);
      return new JournalReader(file, name, header).read(sealedAt, visitor);
    }
  }

  private static FileHeader header(FileWindow file, String name, long generation)
      throws ErrnoException, MetadataDamagedException {
    return FileHeader.decode(
        FileHeader.Kind.JOURNAL, generation, name, file.at(0, FileHeader.BYTES));
  }

  private Content read(OptionalLong sealedAt, Frame.Visitor visitor)
      throws ErrnoException, MetadataDamagedException {
    long offset = FileHeader.BYTES;
    long sequence = header.firstSequence();
    OptionalLong last = OptionalLong.empty();
    while (sealedAt.isEmpty() || sequence < sealedAt.getAsLong()) {
      Optional<ByteBuffer> frame = Frame.read(file, offset, sequence, header.salt());
      if (frame.isEmpty()) {
        break;
      }
      Frame.visit(frame.get(), name, offset, visitor);
      last = OptionalLong.of(offset);
      offset += Frame.sizeOf(Frame.bodyBytesOf(frame.get()));
      sequence++;
    }
    Optional<Finding> tail =
        sealedAt.isPresent()
            ? checkSeal(offset, sequence, sealedAt.getAsLong())
            : checkTail(offset, sequence);
    return new Content(name, header, offset, sequence, last, file.sizeBytes(), tail);
  }

  private Optional<Finding> checkSeal(long offset, long sequence, long sealedAt)
      throws MetadataDamagedException {
    if (sequence < sealedAt) {
      throw damage(
          offset,
          "there is no intact batch %d, but the next journal begins with batch %d"
              .formatted(sequence, sealedAt));
    }
    return Optional.empty();
  }

  private Optional<Finding> checkTail(long offset, long sequence)
      throws ErrnoException, MetadataDamagedException {
    boolean isZero = true;
    long at = offset;
    while (at < file.sizeBytes()) {
      long next = file.nextNonZero(at);
      ByteBuffer head = file.at(next, Frame.HEADER_BYTES);
      isZero &= head.remaining() == 0;
      if (head.remaining() < Frame.HEADER_BYTES) {
        break;
      }
      long candidate = Frame.sequenceOf(head);
      if (candidate > sequence && isFrame(head, next)) {
        throw damage(
            offset,
            "there is no intact batch %d, but batch %d follows at offset %d"
                .formatted(sequence, candidate, next));
      }
      at = next + Frame.ALIGNMENT_BYTES;
    }
    return isZero
        ? Optional.empty()
        : Optional.of(
            Finding.tornTail(
                name,
                offset,
                "batch %d was being written when the machine stopped and was not acknowledged"
                    .formatted(sequence)));
  }

  private boolean isFrame(ByteBuffer head, long offset)
      throws ErrnoException, MetadataDamagedException {
    int body = Frame.bodyBytesOf(head);
    return Frame.isBodyLength(body)
        && Frame.isIntact(file.at(offset, Frame.sizeOf(body)), header.salt());
  }

  private MetadataDamagedException damage(long offset, String sentence) {
    return new MetadataDamagedException(Finding.damage(name, offset, sentence));
  }
}
