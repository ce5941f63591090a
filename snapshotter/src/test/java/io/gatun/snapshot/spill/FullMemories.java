package io.gatun.snapshot.spill;

import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * As many layers as are unpacked at a time, each with as much to be kept as a layer may have. A
 * program, since it is the heap of the daemon that has to do for it.
 */
final class FullMemories {

  private static final int LAYERS = 4;

  private FullMemories() {}

  /** A disk that takes no room. */
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
