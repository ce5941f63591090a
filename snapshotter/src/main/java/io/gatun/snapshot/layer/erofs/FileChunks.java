package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.tar.TarExtent;
import io.gatun.snapshot.spill.PagedMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The content of files as chunks of one size, each of which lies entirely in the tar or is a hole.
 * A file without holes has one chunk, up to 1 TiB. The tree's memory stores the extents of a sparse
 * file as:
 *
 * <pre>
 *   0  number of extents
 *   8  the tar block at which the content of the first extent begins
 *  16  for each: offset in the file and length, eight bytes each
 * </pre>
 */
public final class FileChunks {

  private static final int HEAD_BYTES = 16;
  private static final int FIRST_BLOCK = 8;

  /**
   * Keeps an index from growing much larger than its tar; a layer that exceeds it is not indexed.
   */
  private static final long CHUNKS_FREE = 1024;

  private final PagedMemory memory;

  public FileChunks(PagedMemory memory) {
    this.memory = memory;
  }

  /** {@return the smallest shift with which one chunk covers a file, up to 1 TiB} */
  public static int largestShift(long sizeBytes) {
    int covering = Long.SIZE - Long.numberOfLeadingZeros(Math.max(0, sizeBytes - 1));
    return Math.clamp(covering - Erofs.BLOCK_SHIFT, 0, Erofs.CHUNK_SHIFT_MAX);
  }

  static long chunks(long sizeBytes, int chunkShift) {
    int shift = Erofs.BLOCK_SHIFT + chunkShift;
    return ((sizeBytes - 1) >>> shift) + 1;
  }

  /**
   * Stores the extents of a file and marks it as sparse.
   *
   * @param sizeBytes not 0
   */
  public void store(
      Inodes inodes,
      int inode,
      LinuxPath path,
      long sizeBytes,
      List<TarExtent> extents,
      long firstBlock)
      throws IOException {
    List<TarExtent> joined = joined(extents);
    int chunkShift = chunkShift(path, sizeBytes, joined);
    long stored = TarExtent.totalLength(extents);
    if (chunks(sizeBytes, chunkShift) > CHUNKS_FREE + Erofs.blocks(stored)) {
      throw notIndexable(path, "has too many small extents");
    }
    byte[] bytes = new byte[HEAD_BYTES + joined.size() * 2 * Long.BYTES];
    ByteBuffer record = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(joined.size()).putLong(firstBlock);
    for (TarExtent extent : joined) {
      record.putLong(extent.offset()).putLong(extent.length());
    }
    int reference = memory.allocate(bytes.length);
    memory.put(PagedMemory.address(reference), bytes);
    inodes.mark(inode, Inodes.SPARSE);
    inodes.setContent(inode, reference);
    inodes.setExtent(inode, chunkShift);
  }

  /** {@return log2 of the chunk size in blocks, of a file whose adjacent extents are joined} */
  private static int chunkShift(LinuxPath path, long sizeBytes, List<TarExtent> joined)
      throws NotIndexableException {
    // The largest power of two that divides all boundaries between content and holes.
    long edges = 0;
    for (TarExtent extent : joined) {
      edges |= extent.offset() | (extent.end() == sizeBytes ? 0 : extent.end());
    }
    int aligned = edges == 0 ? Long.SIZE : Long.numberOfTrailingZeros(edges);
    if (aligned < Erofs.BLOCK_SHIFT) {
      throw notIndexable(path, "has extents that are not whole blocks");
    }
    return Math.min(aligned - Erofs.BLOCK_SHIFT, largestShift(sizeBytes));
  }

  private static List<TarExtent> joined(List<TarExtent> extents) {
    List<TarExtent> joined = new ArrayList<>();
    for (TarExtent extent : extents) {
      if (!joined.isEmpty() && joined.getLast().end() == extent.offset()) {
        TarExtent before = joined.removeLast();
        joined.add(new TarExtent(before.offset(), before.length() + extent.length()));
      } else {
        joined.add(extent);
      }
    }
    return joined;
  }

  private static NotIndexableException notIndexable(LinuxPath path, String what) {
    return new NotIndexableException(
        NotIndexable.SPARSE_FILE, "sparse file %s %s".formatted(path, what));
  }

  /** Receives chunks. */
  @FunctionalInterface
  interface ChunkSink {
    /**
     * @param block of the tar, or {@link Erofs#HOLE}
     */
    void chunk(int block) throws IOException;
  }

  /** Passes the location of each chunk of a file to a sink. */
  void forEachChunk(Inodes inodes, int inode, ChunkSink sink) throws IOException {
    if (!inodes.isMarked(inode, Inodes.SPARSE)) {
      long chunks = chunks(inodes.size(inode), inodes.extent(inode));
      for (long chunk = 0; chunk < chunks; chunk++) {
        sink.chunk(inodes.content(inode) + (int) (chunk << inodes.extent(inode)));
      }
      return;
    }
    long address = PagedMemory.address(inodes.content(inode));
    long count = memory.getLong(address);
    long content = memory.getLong(address + FIRST_BLOCK) << Erofs.BLOCK_SHIFT;
    long sizeBytes = inodes.size(inode);
    long chunkBytes = (long) Erofs.BLOCK_BYTES << inodes.extent(inode);
    long chunks = chunks(sizeBytes, inodes.extent(inode));
    long next = 0;
    long offset = 0;
    long length = 0;
    for (long chunk = 0; chunk < chunks; chunk++) {
      long start = chunk * chunkBytes;
      while (next < count && start >= offset + length) {
        content += length;
        long extent = address + HEAD_BYTES + next * 2 * Long.BYTES;
        offset = memory.getLong(extent);
        length = memory.getLong(extent + Long.BYTES);
        next++;
      }
      boolean isInside = start >= offset && start < offset + length;
      sink.chunk(isInside ? (int) ((content + start - offset) >>> Erofs.BLOCK_SHIFT) : Erofs.HOLE);
    }
  }
}
