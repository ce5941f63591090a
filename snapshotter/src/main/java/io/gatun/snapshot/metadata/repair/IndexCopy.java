package io.gatun.snapshot.metadata.repair;

import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.CleanShutdownMarker;
import io.gatun.snapshot.metadata.Index;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * A temporary copy of an index. Opening a Chronicle Map maps its file for writing, and a check must
 * not change it.
 */
final class IndexCopy {

  private static final int CHUNK_BYTES = 64 << 10;

  private IndexCopy() {}

  /**
   * Applies a function to a copy of the index that a clean stop left.
   *
   * @throws IOException if it cannot be copied or opened
   */
  static <T> T use(Generations generations, CleanShutdownMarker clean, Function<Index, T> function)
      throws IOException {
    Path copy = Files.createTempDirectory("gatun-index-");
    try {
      for (String file : MetadataFile.INDEX_FILES) {
        copySparsely(generations.path().resolve(file), copy.resolve(file));
      }
      try (Index index = Index.open(copy, clean.entriesMax(), clean.count(), clean.recordBytes())) {
        return function.apply(index);
      }
    } catch (IllegalStateException | IllegalArgumentException e) {
      throw new IOException("the index cannot be read: " + e.getMessage(), e);
    } finally {
      for (String file : MetadataFile.INDEX_FILES) {
        Files.deleteIfExists(copy.resolve(file));
      }
      Files.delete(copy);
    }
  }

  static NavigableMap<Long, SnapshotRecord> records(Index index) {
    NavigableMap<Long, SnapshotRecord> records = new TreeMap<>();
    for (long id : index.ids()) {
      records.put(id, Objects.requireNonNull(index.find(id)));
    }
    return records;
  }

  /** Copies only the written parts: most of an index is empty. */
  private static void copySparsely(Path from, Path to) throws IOException {
    ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
    ByteBuffer zeros = ByteBuffer.allocateDirect(CHUNK_BYTES);
    try (FileChannel source = FileChannel.open(from);
        FileChannel target =
            FileChannel.open(to, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      long at = 0;
      while (source.read(chunk.clear(), at) > 0) {
        chunk.flip();
        int length = chunk.remaining();
        boolean isLast = at + length == source.size();
        if (isLast || !chunk.equals(zeros.clear().limit(length))) {
          while (chunk.hasRemaining()) {
            target.write(chunk, at + chunk.position());
          }
        }
        at += length;
      }
    }
  }
}
