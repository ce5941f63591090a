package io.gatun.snapshot.layer.tar;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Presents the pieces of a source as one stream with a position. Copies headers, never content. */
final class TarStream {

  private final TarSource source;
  private ByteBuffer piece = ByteBuffer.allocate(0);
  private boolean ended;
  private long position;

  TarStream(TarSource source) {
    this.source = source;
  }

  long position() {
    return position;
  }

  /** {@return how many bytes were read; less than requested only at the end} */
  int read(byte[] into, int length) throws IOException {
    int filled = 0;
    while (filled < length && fill()) {
      int taken = Math.min(length - filled, piece.remaining());
      piece.get(into, filled, taken);
      filled += taken;
    }
    position += filled;
    return filled;
  }

  /** {@return how many bytes were skipped; less than requested only at the end} */
  long skip(long length) throws IOException {
    long skipped = Math.min(length, piece.remaining());
    piece.position(piece.position() + (int) skipped);
    if (skipped < length && !ended) {
      skipped += source.skip(length - skipped);
    }
    while (skipped < length && fill()) {
      int taken = (int) Math.min(length - skipped, piece.remaining());
      piece.position(piece.position() + taken);
      skipped += taken;
    }
    position += skipped;
    return skipped;
  }

  /**
   * {@return between one byte and the given number, valid until the next call of any method; empty
   * at the end}
   */
  ByteBuffer take(long most) throws IOException {
    int taken = fill() ? (int) Math.min(most, piece.remaining()) : 0;
    ByteBuffer part = piece.slice(piece.position(), taken);
    piece.position(piece.position() + taken);
    position += taken;
    return part;
  }

  private boolean fill() throws IOException {
    while (!piece.hasRemaining()) {
      if (ended) {
        return false;
      }
      piece = source.next();
      ended = !piece.hasRemaining();
    }
    return true;
  }
}
