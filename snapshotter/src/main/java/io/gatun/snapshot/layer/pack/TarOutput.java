package io.gatun.snapshot.layer.pack;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Where a tar goes. */
interface TarOutput {

  /** {@return a direct buffer with room for something, which is put there} */
  ByteBuffer room() throws IOException;

  /** Puts some bytes. */
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
