package io.gatun.server.powercut;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The events of a disk, in order, in two files: one process appends to them and another reads.
 *
 * <pre>
 *   events     kind  offset  length  payload     8 bytes each, for each event
 *   payloads   the written data, one write after the other
 * </pre>
 *
 * <p>A <em>position</em> is the number of events so far, derived from the length of the file: the
 * kernel changes the length after the content (mm/shmem.c, mm/filemap.c: generic_perform_write).
 * Anything that a program learns at position p depends on the first p events alone.
 *
 * <p>The size of the data is limited: a test that writes more than planned fails.
 */
public final class WriteLog implements Closeable {

  private static final int EVENT_BYTES = 4 * Long.BYTES;
  private static final long WRITE = 1;
  private static final long ZERO = 2;
  private static final long FLUSH = 3;

  private final Path directory;
  private final FileChannel events;
  private final FileChannel payloads;
  private final long capacityBytes;

  private WriteLog(Path directory, long capacityBytes, StandardOpenOption... creation)
      throws IOException {
    this.directory = directory;
    this.capacityBytes = capacityBytes;
    this.events = open(directory.resolve("events"), creation);
    this.payloads = open(directory.resolve("payloads"), creation);
  }

  private static FileChannel open(Path file, StandardOpenOption... creation) throws IOException {
    List<StandardOpenOption> options = new ArrayList<>(List.of(creation));
    options.add(StandardOpenOption.READ);
    options.add(StandardOpenOption.WRITE);
    return FileChannel.open(file, options.toArray(StandardOpenOption[]::new));
  }

  /**
   * {@return an empty log}
   *
   * @param parent the parent of the log's directory, which exists until the log is closed
   * @param capacityBytes the maximum number of bytes of data
   */
  public static WriteLog create(Path parent, long capacityBytes) throws IOException {
    return new WriteLog(
        Files.createTempDirectory(parent, "log"), capacityBytes, StandardOpenOption.CREATE_NEW);
  }

  /** {@return a log that another process has created, to append to it} */
  static WriteLog open(Path directory, long capacityBytes) throws IOException {
    return new WriteLog(directory, capacityBytes);
  }

  Path directory() {
    return directory;
  }

  long capacityBytes() {
    return capacityBytes;
  }

  /** Appends a write of the buffer's remaining bytes, without consuming them. */
  void write(long offset, ByteBuffer data) throws IOException {
    ByteBuffer rest = data.duplicate();
    int length = rest.remaining();
    long payload = payloads.size();
    if (payload + length > capacityBytes) {
      throw new IOException("the log of the disk is full: capacityBytes=" + capacityBytes);
    }
    writeFully(payloads, rest, payload);
    append(WRITE, offset, length, payload);
  }

  void zero(long offset, long length) throws IOException {
    append(ZERO, offset, length, 0);
  }

  void flush() throws IOException {
    append(FLUSH, 0, 0, 0);
  }

  private void append(long kind, long offset, long length, long payload) throws IOException {
    ByteBuffer event = ByteBuffer.allocate(EVENT_BYTES);
    event.putLong(kind).putLong(offset).putLong(length).putLong(payload).flip();
    writeFully(events, event, events.size());
  }

  private static void writeFully(FileChannel file, ByteBuffer data, long offset)
      throws IOException {
    long at = offset;
    while (data.hasRemaining()) {
      at += file.write(data, at);
    }
  }

  /** {@return the number of events} */
  public int position() {
    try {
      return Math.toIntExact(events.size() / EVENT_BYTES);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** {@return the events from one position up to, but excluding, another} */
  List<DiskEvent> events(int from, int to) throws IOException {
    ByteBuffer in = read(events, (long) from * EVENT_BYTES, (to - from) * EVENT_BYTES);
    List<DiskEvent> result = new ArrayList<>();
    while (in.hasRemaining()) {
      result.add(decode(in.getLong(), in.getLong(), in.getLong(), in.getLong()));
    }
    return result;
  }

  private static DiskEvent decode(long kind, long offset, long length, long payload) {
    if (kind == WRITE) {
      return new DiskEvent.Write(offset, Math.toIntExact(length), payload);
    }
    if (kind == ZERO) {
      return new DiskEvent.Zero(offset, length);
    }
    if (kind == FLUSH) {
      return new DiskEvent.Flush();
    }
    throw new AssertionError("the log of the disk is damaged: kind=" + kind);
  }

  /** {@return the position after the last flush before {@code position}, or 0 if there is none} */
  public int lastFlush(int position) throws IOException {
    List<DiskEvent> before = events(0, position);
    int flushed = position;
    while (flushed > 0 && !(before.get(flushed - 1) instanceof DiskEvent.Flush)) {
      flushed--;
    }
    return flushed;
  }

  /** {@return the data of a write} */
  ByteBuffer data(DiskEvent.Write write) throws IOException {
    return read(payloads, write.payload(), write.length());
  }

  private static ByteBuffer read(FileChannel file, long offset, int length) throws IOException {
    ByteBuffer data = ByteBuffer.allocate(length);
    while (data.hasRemaining()) {
      if (file.read(data, offset + data.position()) < 0) {
        throw new AssertionError("the log of the disk ends before " + (offset + length));
      }
    }
    return data.flip();
  }

  /** Deletes the log. */
  @Override
  public void close() throws IOException {
    events.close();
    payloads.close();
    Files.deleteIfExists(directory.resolve("events"));
    Files.deleteIfExists(directory.resolve("payloads"));
    Files.deleteIfExists(directory);
  }
}
