package io.gatun.snapshot.mount;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.root.Disk;

/** A small layer to try out whether indexed layers can be used. */
public interface SampleLayer {

  /** The one file that is in it. */
  LinuxPath FILE = LinuxPath.of("file");

  /** {@return what the file holds} */
  byte[] content();

  /**
   * Writes the layer as a tar and its index.
   *
   * @param directory that holds neither
   */
  void write(Disk disk, Fd directory, LinuxPath tar, LinuxPath index) throws ErrnoException;
}
