package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import java.nio.ByteBuffer;

/**
 * Reads a checkpoint: a header as in {@link FileHeader}, then frames with the sequence numbers 1,
 * 2, and so on. They hold the limit of reserved ids, the limit of distrusted ids if any, all
 * records in no particular order, and as the last entry of the file the number of records. A
 * checkpoint gets its final name only when it is complete, which makes any flaw damage.
 */
public final class CheckpointReader {

  public static final long FIRST_FRAME = 1;

  private CheckpointReader() {}

  /** Counts the records passed to the visitor. */
  private static final class Counter implements Frame.Visitor {
    private final Frame.Visitor visitor;
    private long count;
    private boolean isEnded;

    Counter(Frame.Visitor visitor) {
      this.visitor = visitor;
    }

    @Override
    public void onPut(byte[] encoding) throws MalformedException {
      requireNotEnded();
      count++;
      visitor.onPut(encoding);
    }

    @Override
    public void onRemove(long id) throws MalformedException {
      throw new MalformedException("a checkpoint removes a record");
    }

    @Override
    public void onReserve(long idLimit) throws MalformedException {
      requireNotEnded();
      visitor.onReserve(idLimit);
    }

    @Override
    public void onDistrust(long idLimit) throws MalformedException {
      requireNotEnded();
      visitor.onDistrust(idLimit);
    }

    @Override
    public void onEnd(long expected) throws MalformedException {
      requireNotEnded();
      isEnded = true;
      if (expected != count) {
        throw new MalformedException(
            "the checkpoint ends after %d of %d records".formatted(count, expected));
      }
      visitor.onEnd(expected);
    }

    private void requireNotEnded() throws MalformedException {
      if (isEnded) {
        throw new MalformedException("the checkpoint continues after its end");
      }
    }
  }

  /**
   * Visits every entry of a checkpoint.
   *
   * @return its header
   */
  public static FileHeader read(Fd directory, long generation, Frame.Visitor visitor)
      throws ErrnoException, MetadataDamagedException {
    String name = MetadataFile.checkpoint(generation);
    try (FileWindow file = FileWindow.open(directory, name)) {
      FileHeader header =
          FileHeader.decode(
              FileHeader.Kind.CHECKPOINT, generation, name, file.at(0, FileHeader.BYTES));
      Counter counter = new Counter(visitor);
      long offset = FileHeader.BYTES;
      long sequence = FIRST_FRAME;
      while (offset < file.sizeBytes()) {
        long at = offset;
        long part = sequence;
        ByteBuffer frame =
            Frame.read(file, offset, sequence, header.salt())
                .orElseThrow(() -> damage(name, at, "part %d is damaged".formatted(part)));
        Frame.visit(frame, name, offset, counter);
        offset += Frame.sizeOf(Frame.bodyBytesOf(frame));
        sequence++;
      }
      if (!counter.isEnded || offset != file.sizeBytes()) {
        throw damage(
            name,
            file.sizeBytes(),
            "the checkpoint is cut off after %d records".formatted(counter.count));
      }
      return header;
    }
  }

  private static MetadataDamagedException damage(String name, long offset, String sentence) {
    return new MetadataDamagedException(Finding.damage(name, offset, sentence));
  }
}
