package io.gatun.server.powercut;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.random.RandomGenerator;

/**
 * Replays a log on a copy of its initial image, up to power cuts at increasing positions, and
 * creates an image that a drive could show after each.
 *
 * <pre>
 *   events   W W F W Z F W W W Z | W W F
 *   image    whole         any   cut
 * </pre>
 *
 * All events up to the last flush before the cut are present. Of later ones, which the drive had
 * acknowledged and kept in its cache, any may be present, whole or in part: a sector is atomic, a
 * write of several is not. Where two of them overlap and both survived, the later one wins, since a
 * drive's cache holds one version of a sector.
 */
public final class PowerCut implements AutoCloseable {

  private final WriteLog log;
  private final DiskImage durable;
  private final int sectorBytes;

  private int replayed;

  /**
   * @param base the content of the disk when the log was empty, on which the log is replayed
   * @param sectorBytes the unit that the drive writes atomically
   */
  public PowerCut(DiskImage base, WriteLog log, int sectorBytes) {
    this.durable = base;
    this.log = log;
    this.sectorBytes = sectorBytes;
  }

  /**
   * Cuts the power.
   *
   * @param position when; not before any earlier cut
   * @param fate the fate of the cache
   * @param random selects the parts of the cache that survive
   * @param image a new file for the resulting content of the disk
   */
  public void cut(int position, CacheFate fate, RandomGenerator random, Path image)
      throws IOException {
    int flushed = log.lastFlush(position);
    if (flushed < replayed) {
      throw new IllegalArgumentException("cut at %d is before an earlier one".formatted(position));
    }
    for (DiskEvent event : log.events(replayed, flushed)) {
      apply(event, durable);
    }
    replayed = flushed;
    try (DiskImage copy = durable.copyTo(image)) {
      for (DiskEvent event : log.events(flushed, position)) {
        if (random.nextDouble() < fate.tearing()) {
          tear(event, fate.survival(), random, copy);
        } else if (random.nextDouble() < fate.survival()) {
          apply(event, copy);
        }
      }
    }
  }

  private void apply(DiskEvent event, DiskImage target) throws IOException {
    switch (event) {
      case DiskEvent.Write write -> target.write(log.data(write), write.offset());
      case DiskEvent.Zero zero -> target.zero(zero.offset(), zero.length());
      case DiskEvent.Flush flush -> {}
    }
  }

  /** Applies an arbitrary subset of the sectors of an event. */
  private void tear(DiskEvent event, double survival, RandomGenerator random, DiskImage target)
      throws IOException {
    switch (event) {
      case DiskEvent.Write write -> {
        ByteBuffer data = log.data(write);
        for (int at = 0; at < write.length(); ) {
          int end = Math.min(write.length(), at + toSectorEnd(write.offset() + at));
          if (random.nextDouble() < survival) {
            target.write(data.slice(at, end - at), write.offset() + at);
          }
          at = end;
        }
      }
      case DiskEvent.Zero zero -> {
        for (long at = zero.offset(); at < zero.offset() + zero.length(); ) {
          long end = Math.min(zero.offset() + zero.length(), at + toSectorEnd(at));
          if (random.nextDouble() < survival) {
            target.zero(at, end - at);
          }
          at = end;
        }
      }
      case DiskEvent.Flush flush -> {}
    }
  }

  private int toSectorEnd(long offset) {
    return sectorBytes - Math.toIntExact(offset % sectorBytes);
  }

  @Override
  public void close() {
    durable.close();
  }
}
