package io.gatun.snapshot.mount;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.root.Disk;

/** A small layer for testing whether indexed layers work. */
public interface SampleLayer {

  /** The only file in it. */
  LinuxPath FILE = LinuxPath.of("file");

  /** {@return the content of the file} */
  byte[] content();

  /**
   * Writes the layer as a tar and its index.
   *
   * @param directory that contains neither
   */
  void write(Disk disk, Fd directory, LinuxPath tar, LinuxPath index) throws ErrnoException;
}
