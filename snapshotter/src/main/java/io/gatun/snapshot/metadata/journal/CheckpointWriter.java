package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.root.Disk;
import java.nio.ByteBuffer;

/**
 * Writes a checkpoint in the format of {@link CheckpointReader}, and renames it into place once it
 * is complete and durable.
 */
public final class CheckpointWriter implements AutoCloseable {

  /** Large enough to need few calls, small beside the heap. */
  private static final int PART_BYTES = 64 << 10;

  private final Disk disk;
  private final Fd directory;
  private final FileHeader header;
  private final String name;
  private final Fd file;
  private final ByteBuffer buffer =
      ByteBuffer.allocateDirect(
          Frame.sizeOf(PART_BYTES + RecordCodec.ENCODED_BYTES_MAX + Frame.PUT_BYTES));
  private long offset;
  private long sequence = CheckpointReader.FIRST_FRAME;
  private long count;

  CheckpointWriter(Disk disk, Fd directory, FileHeader header) throws ErrnoException {
    this.disk = disk;
    this.directory = directory;
    this.header = header;
    this.name = MetadataFile.checkpoint(header.generation());
    this.file = DurableFile.createOver(disk, directory, MetadataFile.temporary(name));
    try {
      append(header.encode());
    } catch (ErrnoException | RuntimeException | Error e) {
      file.close();
      throw e;
    }
    Frame.begin(buffer);
  }

  /** Writes the state shared by all ids. */
  public void ids(long end, long trustedFrom) {
    Frame.reserve(buffer, end);
    if (trustedFrom > Ids.FIRST) {
      Frame.distrust(buffer, trustedFrom);
    }
  }

  public void put(byte[] encoding) throws ErrnoException {
    Frame.put(buffer, encoding);
    count++;
    if (Frame.bodyBytes(buffer) >= PART_BYTES) {
      writePart();
    }
  }

  /**
   * Ends the checkpoint and makes it durable under its final name.
   *
   * @return its size in bytes
   */
  public long publish() throws ErrnoException {
    Frame.end(buffer, count);
    writePart();
    disk.sync(file);
    DurableFile.publish(disk, directory, MetadataFile.temporary(name), name);
    return offset;
  }

  private void writePart() throws ErrnoException {
    Frame.seal(buffer, header.salt(), sequence);
    append(buffer);
    sequence++;
    Frame.begin(buffer);
  }

  private void append(ByteBuffer bytes) throws ErrnoException {
    int length = bytes.remaining();
    DurableFile.write(disk, file, bytes, offset);
    offset += length;
  }

  @Override
  public void close() {
    file.close();
  }
}
