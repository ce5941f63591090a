package io.gatun.snapshot.layer.pack;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Receives a tar. */
interface TarOutput {

  /** {@return a direct buffer with space for the next bytes} */
  ByteBuffer room() throws IOException;

  default void put(byte[] bytes, int offset, int length) throws IOException {
    int done = 0;
    while (done < length) {
      ByteBuffer room = room();
      int part = Math.min(room.remaining(), length - done);
      room.put(bytes, offset + done, part);
      done += part;
    }
  }
}
