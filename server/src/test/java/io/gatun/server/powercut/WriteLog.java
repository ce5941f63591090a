package io.gatun.server.powercut;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * What happened to a disk, in order. The events are kept in memory and what was written in a file,
 * which may take up to a given number of bytes: a test that writes more than it planned for fails.
 *
 * <p>A <em>position</em> is the number of events so far. Whatever a program learns at position p
 * rests on the first p events alone.
 *
 * <p>One thread appends; any thread may ask for the position, and may read what lies before it.
 */
public final class WriteLog implements Closeable {

  private final List<DiskEvent> events = new ArrayList<>();
  private final FileChannel payloads;
  private final long capacityBytes;

  private long payloadBytes;

  /**
   * @param directory where the file lies, without a name
   * @param capacityBytes how many bytes may be written in all
   */
  public WriteLog(Path directory, long capacityBytes) throws IOException {
    Path file = Files.createTempFile(directory, "writes", ".log");
    this.payloads = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
    this.capacityBytes = capacityBytes;
    Files.delete(file);
  }

  /** Appends a write of what remains of the buffer, which is left as it is. */
  void write(long offset, ByteBuffer data) throws IOException {
    ByteBuffer rest = data.duplicate();
    int length = rest.remaining();
    long payload = payloadBytes;
    if (payload + length > capacityBytes) {
      throw new IOException("the log of the disk is full: capacityBytes=" + capacityBytes);
    }
    long at = payload;
    while (rest.hasRemaining()) {
      at += payloads.write(rest, at);
    }
    payloadBytes = at;
    append(new DiskEvent.Write(offset, length, payload));
  }

  void zero(long offset, long length) {
    append(new DiskEvent.Zero(offset, length));
  }

  void flush() {
    append(new DiskEvent.Flush());
  }

  private synchronized void append(DiskEvent event) {
    events.add(event);
  }

  /** {@return how many events there are} */
  public synchronized int position() {
    return events.size();
  }

  /** {@return the events from one position on and before another} */
  synchronized List<DiskEvent> events(int from, int to) {
    return List.copyOf(events.subList(from, to));
  }

  /** {@return the position after the last flush before {@code position}, or 0 if there is none} */
  public synchronized int lastFlush(int position) {
    for (int i = position; i > 0; i--) {
      if (events.get(i - 1) instanceof DiskEvent.Flush) {
        return i;
      }
    }
    return 0;
  }

  /** {@return the data of a write} */
  ByteBuffer data(DiskEvent.Write write) throws IOException {
    ByteBuffer data = ByteBuffer.allocate(write.length());
    while (data.hasRemaining()) {
      if (payloads.read(data, write.payload() + data.position()) < 0) {
        throw new AssertionError("the log of the disk lacks " + write);
      }
    }
    return data.flip();
  }

  @Override
  public void close() throws IOException {
    payloads.close();
  }
}
