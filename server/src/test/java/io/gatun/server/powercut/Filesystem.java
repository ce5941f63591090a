package io.gatun.server.powercut;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The filesystems that Gatun is tested on.
 *
 * <p>Sector is what each takes to be written wholly or not at all. ext4, whose journal holds whole
 * blocks, is content with the 512 bytes that the loop device promises. When XFS replays its log, it
 * passes over a block of metadata whose first sector says that it was written later, and finds its
 * checksum wrong if the rest of its 4096 bytes was not. btrfs writes a superblock of 4096 bytes in
 * place and reads only the first copy when it is mounted. So these two can only live on drives
 * whose sectors are that long.
 */
public enum Filesystem {
  EXT4(512),
  XFS(4096),
  BTRFS(4096);

  private final int sectorBytes;

  Filesystem(int sectorBytes) {
    this.sectorBytes = sectorBytes;
  }

  /** {@return the name that mount(8) knows} */
  public String kernelName() {
    return name().toLowerCase(Locale.ROOT);
  }

  public int sectorBytes() {
    return sectorBytes;
  }

  String mountOptions() {
    return this == XFS ? "loop,nouuid" : "loop";
  }

  /** Makes an empty filesystem in a file. */
  public void make(Path file) throws IOException {
    String name = file.toString();
    switch (this) {
      // Without lazy initialisation, so that nothing is written behind the back of the test.
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
