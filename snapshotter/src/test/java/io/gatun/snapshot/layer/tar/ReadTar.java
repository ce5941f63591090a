package io.gatun.snapshot.layer.tar;

import io.gatun.snapshot.fixture.Pieces;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A tar read to its end. */
final class ReadTar {

  /** An entry and its whole content, holes included. */
  @SuppressWarnings("ArrayRecordComponent") // only looked at
  record Item(TarEntry entry, byte[] content) {
    String text() {
      return new String(content, StandardCharsets.UTF_8);
    }
  }

  private ReadTar() {}

  static List<Item> of(byte[] tar) throws IOException {
    return of(tar, 10_000);
  }

  static List<Item> of(byte[] tar, int pieceBytes) throws IOException {
    TarReader reader = new TarReader(new Pieces(tar, pieceBytes));
    List<Item> items = new ArrayList<>();
    for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
      items.add(new Item(entry, content(reader, entry)));
    }
    return items;
  }

  private static byte[] content(TarReader reader, TarEntry entry) throws IOException {
    ByteArrayOutputStream stored = new ByteArrayOutputStream();
    for (ByteBuffer part = reader.content(); part.hasRemaining(); part = reader.content()) {
      byte[] bytes = new byte[part.remaining()];
      part.get(bytes);
      stored.writeBytes(bytes);
    }
    byte[] file = new byte[Math.toIntExact(entry.sizeBytes())];
    int at = 0;
    for (TarExtent extent : entry.extents()) {
      System.arraycopy(
          stored.toByteArray(), at, file, (int) extent.offset(), (int) extent.length());
      at += (int) extent.length();
    }
    if (at != stored.size()) {
      throw new AssertionError("extents of " + at + " bytes for " + stored.size());
    }
    return file;
  }
}
