package io.gatun.server.powercut;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A disk that keeps a log of all that happens to it, offered to the kernel as a file, for a loop
 * device.
 *
 * <p>What a flush means. The loop driver says of its device that it has a volatile write cache and
 * no FUA, so the kernel turns every flush, and every write that has to be durable by itself, into
 * fsync(2) of the backing file after that write (drivers/block/loop.c: lo_req_flush). It completes
 * a write when write(2) on the backing file has returned, which, the file being uncached, is when
 * this disk has logged it. Hence: a write that was complete when a flush was issued comes before
 * that flush in the log. The converse does not hold: a write that was under way when the flush was
 * issued may come before it too, and then counts as durable here, while a real drive might still
 * lose it. Filesystems do not rest on such writes.
 */
public final class LoggedDisk implements AutoCloseable {

  private final DiskImage image;
  private final WriteLog log;
  private final DiskServer server;

  /**
   * @param image the disk's content, which changes as the disk is written
   * @param file the file to offer it as; must be there, and is hidden while the disk is open
   * @param log gets everything that happens; empty
   */
  public LoggedDisk(DiskImage image, Path file, WriteLog log) throws IOException {
    this.image = image;
    this.log = log;
    this.server = DiskServer.start(image.file(), file, log);
  }

  /** {@return the log, which may be asked for its position while the disk is in use} */
  public WriteLog log() {
    return log;
  }

  /** Takes the file away, which nobody may have open, and closes the image. The log remains. */
  @Override
  public void close() throws IOException {
    try (image) {
      server.stop();
    }
  }
}
