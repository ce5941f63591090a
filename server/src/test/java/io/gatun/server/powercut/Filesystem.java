package io.gatun.server.powercut;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The filesystems that Gatun is tested on.
 *
 * <p>The sector is the unit that each expects to be written atomically. ext4, whose journal has
 * whole blocks, accepts the 512 bytes of the loop device. When XFS replays its log, it skips a
 * metadata block whose first sector is newer, and finds a wrong checksum if the rest of its 4096
 * bytes was not written. btrfs writes a superblock of 4096 bytes in place and reads only the first
 * copy at a mount. These two therefore need drives with sectors of that size.
 */
public enum Filesystem {
  EXT4(512),
  XFS(4096),
  BTRFS(4096);

  private final int sectorBytes;

  Filesystem(int sectorBytes) {
    this.sectorBytes = sectorBytes;
  }

  /** {@return its name for mount(8)} */
  public String kernelName() {
    return name().toLowerCase(Locale.ROOT);
  }

  public int sectorBytes() {
    return sectorBytes;
  }

  String mountOptions() {
    return this == XFS ? "loop,nouuid" : "loop";
  }

  /** Creates an empty filesystem in a file. */
  public void make(Path file) throws IOException {
    String name = file.toString();
    switch (this) {
      // Without lazy initialisation, which would write in the background of the test.
      case EXT4 ->
          Commands.run(
              "mkfs.ext4",
              "-q",
              "-F",
              "-E",
              "lazy_itable_init=0,lazy_journal_init=0,nodiscard",
              name);
      case XFS -> Commands.run("mkfs.xfs", "-q", "-f", "-K", "-m", "reflink=1", name);
      case BTRFS -> Commands.run("mkfs.btrfs", "-q", "-f", "-K", name);
    }
  }
}
