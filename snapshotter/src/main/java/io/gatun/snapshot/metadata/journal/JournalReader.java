package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Reads a journal from front to back, and tells a torn tail from damage.
 *
 * <p>A batch is written only when the fdatasync(2) of the one before has returned. So after a power
 * cut at most one batch can be there in part, the last, and nobody was told of it: it is cut off.
 * If an intact frame of a later sequence lies anywhere behind the bad place, then what is bad had
 * been made durable, and is damage.
 */
public final class JournalReader {

  /**
   * What was found in one journal.
   *
   * @param name the name of the file
   * @param header its header
   * @param endOffset where the next frame goes
   * @param nextSequence the sequence number of the next frame
   * @param lastFrame the offset of the last frame, if there is any
   * @param sizeBytes how large the file is
   * @param tail what lies behind the end, if it is not zeros
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

  /** {@return the header of a journal} */
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
   * @param sealedAt the sequence number that the next journal begins with, if there is a next; what
   *     this one has from there on was not trusted by the store itself, and counts for nothing
   * @return what was found
   * @throws MetadataDamagedException if something is missing that was durable once
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
          "there is no intact batch %d, and the next journal begins with batch %d"
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
                "batch %d was being written when the machine stopped; nobody was told that it is durable"
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
