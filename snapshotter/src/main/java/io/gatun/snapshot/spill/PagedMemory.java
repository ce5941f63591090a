package io.gatun.snapshot.spill;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.NativeBuffer;
import io.gatun.linux.file.Unistd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Growing memory in off-heap pages, of which a limited number is resident and the rest is in a
 * file. Little-endian and initially zero. A layer's content thus affects the time its apply takes,
 * but cannot exhaust the memory.
 *
 * <p>Allocations are aligned to {@link #UNIT_BYTES}, which lets an {@code int} refer to them; a
 * naturally aligned number never crosses a page boundary.
 */
public final class PagedMemory implements AutoCloseable {

  /** The unit of references. */
  public static final int UNIT_BYTES = 32;

  public static final int PAGE_BYTES = 4096;

  private static final int UNIT_SHIFT = 5;
  private static final int PAGE_SHIFT = 12;
  private static final int OFFSET_MASK = PAGE_BYTES - 1;

  private static final int SLAB_BYTES = 1 << 16;
  private static final int FRAMES_A_SLAB = SLAB_BYTES / PAGE_BYTES;

  /** The limit for one layer: some 70 million entries, more than filesystems hold. */
  private static final long FULL_BYTES = 8L << 30;

  private static final int ABSENT = -1;
  private static final byte[] ZEROS = new byte[PAGE_BYTES];
  private static final int FIRST_MAP_BYTES = FRAMES_A_SLAB * Integer.BYTES;
  private static final ByteBuffer NO_MAP = ByteBuffer.allocateDirect(0);

  private final Spill spill;
  private final int framesMax;
  private final List<NativeBuffer> slabs = new ArrayList<>();
  private final ByteBuffer[] frames;
  private final int[] pageOfFrame;
  private final boolean[] isUsed;
  private final boolean[] isChanged;

  /** An int for each page; off-heap, because it grows with the allocations. */
  private @Nullable NativeBuffer map;

  private ByteBuffer frameOfPage = NO_MAP;
  private int pages;
  private int framesUsed;
  private int hand;
  private long sizeBytes;
  private @Nullable Fd file;

  /**
   * @param residentBytes the memory limit
   */
  public PagedMemory(Spill spill, long residentBytes) {
    this.spill = spill;
    this.framesMax = Math.toIntExact(Math.max(FRAMES_A_SLAB, residentBytes >>> PAGE_SHIFT));
    this.frames = new ByteBuffer[framesMax];
    this.pageOfFrame = new int[framesMax];
    this.isUsed = new boolean[framesMax];
    this.isChanged = new boolean[framesMax];
    // Reference 0 means none.
    this.sizeBytes = UNIT_BYTES;
  }

  /** {@return a reference to zeroed bytes} */
  public int allocate(long bytes) {
    long address = sizeBytes;
    sizeBytes += (bytes + UNIT_BYTES - 1) & -UNIT_BYTES;
    return (int) (address >>> UNIT_SHIFT);
  }

  public static long address(int reference) {
    return Integer.toUnsignedLong(reference) << UNIT_SHIFT;
  }

  /** {@return whether the limit is reached and the next entry must be refused} */
  public boolean isFull() {
    return sizeBytes > FULL_BYTES;
  }

  /** {@return the allocated size} */
  public long sizeBytes() {
    return sizeBytes;
  }

  /** {@return the peak memory use} */
  public long residentBytes() {
    return (long) slabs.size() * SLAB_BYTES;
  }

  public boolean isSpilled() {
    return file != null;
  }

  public byte getByte(long address) throws ErrnoException {
    return page(address).get((int) address & OFFSET_MASK);
  }

  public void putByte(long address, byte value) throws ErrnoException {
    changed(address).put((int) address & OFFSET_MASK, value);
  }

  public short getShort(long address) throws ErrnoException {
    return page(address).getShort((int) address & OFFSET_MASK);
  }

  public void putShort(long address, short value) throws ErrnoException {
    changed(address).putShort((int) address & OFFSET_MASK, value);
  }

  public int getInt(long address) throws ErrnoException {
    return page(address).getInt((int) address & OFFSET_MASK);
  }

  public void putInt(long address, int value) throws ErrnoException {
    changed(address).putInt((int) address & OFFSET_MASK, value);
  }

  public long getLong(long address) throws ErrnoException {
    return page(address).getLong((int) address & OFFSET_MASK);
  }

  public void putLong(long address, long value) throws ErrnoException {
    changed(address).putLong((int) address & OFFSET_MASK, value);
  }

  public void get(long address, byte[] into, int length) throws ErrnoException {
    int done = 0;
    while (done < length) {
      int offset = (int) (address + done) & OFFSET_MASK;
      int part = Math.min(length - done, PAGE_BYTES - offset);
      page(address + done).get(offset, into, done, part);
      done += part;
    }
  }

  public void put(long address, byte[] bytes) throws ErrnoException {
    int done = 0;
    while (done < bytes.length) {
      int offset = (int) (address + done) & OFFSET_MASK;
      int part = Math.min(bytes.length - done, PAGE_BYTES - offset);
      changed(address + done).put(offset, bytes, done, part);
      done += part;
    }
  }

  private ByteBuffer page(long address) throws ErrnoException {
    int frame = frame((int) (address >>> PAGE_SHIFT));
    isUsed[frame] = true;
    return frames[frame];
  }

  private ByteBuffer changed(long address) throws ErrnoException {
    int frame = frame((int) (address >>> PAGE_SHIFT));
    isUsed[frame] = true;
    isChanged[frame] = true;
    return frames[frame];
  }

  private int frame(int page) throws ErrnoException {
    if (page >= pages) {
      addPages(page);
    }
    int frame = frameOfPage.getInt(page * Integer.BYTES);
    return frame == ABSENT ? load(page) : frame;
  }

  /** Memory is allocated in order, and with it the pages. */
  private void addPages(int last) throws ErrnoException {
    while (pages <= last) {
      if (pages * Integer.BYTES == frameOfPage.capacity()) {
        growMap();
      }
      int frame = freeFrame();
      frames[frame].put(0, ZEROS);
      isChanged[frame] = true;
      enter(pages, frame);
      pages++;
    }
  }

  private void growMap() {
    ByteBuffer old = frameOfPage;
    NativeBuffer larger = new NativeBuffer(Math.max(FIRST_MAP_BYTES, 2 * old.capacity()));
    larger.buffer().put(0, old, 0, old.capacity());
    if (map != null) {
      map.close();
    }
    map = larger;
    frameOfPage = larger.buffer();
  }

  private int load(int page) throws ErrnoException {
    int frame = freeFrame();
    ByteBuffer into = frames[frame].duplicate().clear();
    Fd from = file;
    if (from == null) {
      throw new AssertionError("page " + page + " was never written");
    }
    while (into.hasRemaining()) {
      long offset = ((long) page << PAGE_SHIFT) + into.position();
      if (Unistd.pread(from, into, offset) == 0) {
        // No other process has the file; it cannot have been truncated.
        throw new ErrnoException("pread", Errno.EIO, from.path());
      }
    }
    isChanged[frame] = false;
    enter(page, frame);
    return frame;
  }

  private void enter(int page, int frame) {
    setFrame(page, frame);
    pageOfFrame[frame] = page;
  }

  private void setFrame(int page, int frame) {
    frameOfPage.putInt(page * Integer.BYTES, frame);
  }

  private int freeFrame() throws ErrnoException {
    if (framesUsed < framesMax) {
      if (framesUsed == slabs.size() * FRAMES_A_SLAB) {
        addSlab();
      }
      return framesUsed++;
    }
    // Clock eviction: a frame used since the hand's last pass is spared once.
    while (isUsed[hand]) {
      isUsed[hand] = false;
      hand = (hand + 1) % framesMax;
    }
    int frame = hand;
    hand = (hand + 1) % framesMax;
    if (isChanged[frame]) {
      write(frame);
    }
    setFrame(pageOfFrame[frame], ABSENT);
    return frame;
  }

  private void addSlab() {
    NativeBuffer slab = new NativeBuffer(SLAB_BYTES);
    slabs.add(slab);
    for (int i = 0; i < FRAMES_A_SLAB && framesUsed + i < framesMax; i++) {
      frames[framesUsed + i] =
          slab.buffer().slice(i * PAGE_BYTES, PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  private void write(int frame) throws ErrnoException {
    Fd into = file;
    if (into == null) {
      into = spill.open();
      file = into;
    }
    ByteBuffer content = frames[frame].duplicate().clear();
    long start = (long) pageOfFrame[frame] << PAGE_SHIFT;
    while (content.hasRemaining()) {
      long offset = start + content.position();
      spill.disk().write(into, content, offset);
    }
  }

  @Override
  public void close() {
    slabs.forEach(NativeBuffer::close);
    slabs.clear();
    if (map != null) {
      map.close();
      map = null;
    }
    if (file != null) {
      file.close();
    }
  }
}
