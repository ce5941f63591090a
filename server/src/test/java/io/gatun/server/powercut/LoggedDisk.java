package io.gatun.server.powercut;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A disk that logs all requests, offered to the kernel as a file, for a loop device.
 *
 * <p>The meaning of a flush: the loop driver announces a volatile write cache and no FUA for its
 * device, so the kernel turns every flush, and every write that must be durable by itself, into
 * fsync(2) of the backing file after that write (drivers/block/loop.c: lo_req_flush). It completes
 * a write when write(2) on the backing file returns; since the file is not cached, this disk has
 * logged the write by then. Hence a write that was complete when a flush was issued precedes that
 * flush in the log. The converse does not hold: a write in progress when the flush was issued may
 * precede it too, and then counts as durable here, while a real drive might still lose it.
 * Filesystems do not depend on such writes.
 */
public final class LoggedDisk implements AutoCloseable {

  private final DiskImage image;
  private final WriteLog log;
  private final DiskServer server;

  /**
   * @param image the disk's content, which changes as the disk is written
   * @param file the file to offer it as; must exist, and is hidden while the disk is open
   * @param log an empty log for all requests
   */
  public LoggedDisk(DiskImage image, Path file, WriteLog log) throws IOException {
    this.image = image;
    this.log = log;
    this.server = DiskServer.start(image.file(), file, log);
  }

  /** {@return the log, whose position may be read while the disk is in use} */
  public WriteLog log() {
    return log;
  }

  /** Unmounts the file, which must not be open, and closes the image. The log remains. */
  @Override
  public void close() throws IOException {
    try (image) {
      server.stop();
    }
  }
}
