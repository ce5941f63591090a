package io.gatun.snapshot.spill;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Applies of the maximum number of concurrent layers, each with the maximum data. A separate
 * program, because it must fit into the daemon's heap.
 */
final class FullMemories {

  private static final int LAYERS = 4;

  private FullMemories() {}

  /** A disk that stores nothing. */
  private static final class ForgetfulDisk extends ForwardingDisk {
    ForgetfulDisk() {
      super(new LinuxDisk());
    }

    @Override
    public int write(Fd file, ByteBuffer buffer, long offset) {
      int length = buffer.remaining();
      buffer.position(buffer.limit());
      return length;
    }
  }

  /**
   * @param arguments a directory
   */
  public static void main(String[] arguments) throws Exception {
    List<PagedMemory> layers = new ArrayList<>();
    try (Fd directory =
        Fcntl.open(LinuxPath.of(arguments[0]), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      Spill spill = new Spill(new ForgetfulDisk(), directory);
      for (int i = 0; i < LAYERS; i++) {
        PagedMemory memory = new PagedMemory(spill, 0);
        layers.add(memory);
        int last = 0;
        while (!memory.isFull()) {
          last = memory.allocate(PagedMemory.PAGE_BYTES);
        }
        memory.putByte(PagedMemory.address(last) + PagedMemory.PAGE_BYTES - 1, (byte) 1);
      }
      layers.forEach(PagedMemory::close);
    }
  }
}
