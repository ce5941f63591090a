package io.gatun.snapshot.layer.pack;

import io.gatun.snapshot.layer.BlobSink;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;

/** A blob in memory. */
public class CollectedBlob implements BlobSink {

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  public final AtomicInteger abandoned = new AtomicInteger();

  @Override
  public void write(ByteBuffer piece) throws IOException {
    byte[] copy = new byte[piece.remaining()];
    piece.get(copy);
    bytes.writeBytes(copy);
  }

  @Override
  public void abandon() {
    abandoned.incrementAndGet();
  }

  public byte[] bytes() {
    return bytes.toByteArray();
  }
}
