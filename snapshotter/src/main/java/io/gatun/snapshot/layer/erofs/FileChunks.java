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
 * The content of files, which is chunks of one size, each of which is all in the tar or a hole. A
 * file without holes has one, up to 1 TiB. The extents of a sparse one are, in the memory of the
 * tree:
 *
 * <pre>
 *   0  how many
 *   8  the block of the tar in which the content of the first begins
 *  16  for each, where in the file it begins and how long it is, eight bytes each
 * </pre>
 */
final class FileChunks {

  private static final int HEAD_BYTES = 16;
  private static final int FIRST_BLOCK = 8;

  /**
   * So that an index is never much larger than the tar; what is beyond that is written as a file.
   */
  private static final long CHUNKS_FREE = 1024;

  /**
   * What is known of a file before it is stored.
   *
   * @param extents its parts, those that touch put together
   * @param chunkShift so many times a chunk is doubled from a block
   */
  private record Chunked(List<TarExtent> extents, int chunkShift) {}

  private final PagedMemory memory;

  FileChunks(PagedMemory memory) {
    this.memory = memory;
  }

  /** {@return the shift of chunks of which one is enough for a file, up to 1 TiB} */
  static int largestShift(long sizeBytes) {
    int covering = Long.SIZE - Long.numberOfLeadingZeros(Math.max(0, sizeBytes - 1));
    return Math.clamp(covering - Erofs.BLOCK_SHIFT, 0, Erofs.CHUNK_SHIFT_MAX);
  }

  /** {@return how many chunks a file has} */
  static long chunks(long sizeBytes, int chunkShift) {
    int shift = Erofs.BLOCK_SHIFT + chunkShift;
    return ((sizeBytes - 1) >>> shift) + 1;
  }

  /**
   * Stores the extents of a file, which becomes sparse.
   *
   * @param sizeBytes not 0
   */
  void store(
      Inodes inodes,
      int inode,
      LinuxPath path,
      long sizeBytes,
      List<TarExtent> extents,
      long firstBlock)
      throws IOException {
    Chunked chunked = chunked(path, sizeBytes, extents);
    long stored = TarExtent.totalLength(extents);
    if (chunks(sizeBytes, chunked.chunkShift()) > CHUNKS_FREE + Erofs.blocks(stored)) {
      throw notIndexable(path, "has too many small parts");
    }
    byte[] bytes = new byte[HEAD_BYTES + chunked.extents().size() * 2 * Long.BYTES];
    ByteBuffer record = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(chunked.extents().size()).putLong(firstBlock);
    for (TarExtent extent : chunked.extents()) {
      record.putLong(extent.offset()).putLong(extent.length());
    }
    int reference = memory.allocate(bytes.length);
    memory.put(PagedMemory.address(reference), bytes);
    inodes.mark(inode, Inodes.SPARSE);
    inodes.setContent(inode, reference);
    inodes.setExtent(inode, chunked.chunkShift());
  }

  private static Chunked chunked(LinuxPath path, long sizeBytes, List<TarExtent> extents)
      throws NotIndexableException {
    List<TarExtent> joined = joined(extents);
    // The largest power of two of which every edge between content and hole is a multiple.
    long edges = 0;
    for (TarExtent extent : joined) {
      edges |= extent.offset() | (extent.end() == sizeBytes ? 0 : extent.end());
    }
    int aligned = edges == 0 ? Long.SIZE : Long.numberOfTrailingZeros(edges);
    if (aligned < Erofs.BLOCK_SHIFT) {
      throw notIndexable(path, "has parts that are no whole blocks");
    }
    return new Chunked(joined, Math.min(aligned - Erofs.BLOCK_SHIFT, largestShift(sizeBytes)));
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

  /** Takes what chunks there are. */
  @FunctionalInterface
  interface ChunkSink {
    /**
     * @param block of the tar, or {@link Erofs#HOLE}
     */
    void chunk(int block) throws IOException;
  }

  /** Says where each chunk of a file is. */
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
