package io.gatun.server.powercut;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * A filesystem in a file, mounted through a loop device. The kernel frees the device at the
 * unmount, also if the mount namespace ends with its last process.
 */
public final class LoopMount implements AutoCloseable {

  private final Path directory;
  private final Filesystem type;
  private final String device;

  private LoopMount(Path directory, Filesystem type, String device) {
    this.directory = directory;
    this.type = type;
    this.device = device;
  }

  /**
   * Mounts, which replays the filesystem's own journal.
   *
   * @param file contains the filesystem
   * @param directory must exist
   */
  public static LoopMount mount(Filesystem type, Path file, Path directory) throws IOException {
    List<String> command = new ArrayList<>(List.of("mount", "-t", type.kernelName()));
    command.addAll(List.of("-o", type.mountOptions()));
    command.addAll(List.of(file.toString(), directory.toString()));
    Commands.run(command.toArray(String[]::new));
    return new LoopMount(directory, type, deviceOf(directory));
  }

  private static String deviceOf(Path directory) throws IOException {
    return Commands.run("findmnt", "-n", "-o", "SOURCE", "--mountpoint", directory.toString())
        .strip();
  }

  public Path directory() {
    return directory;
  }

  /** Unmounts, which writes everything; frees the loop device. */
  @Override
  public void close() throws IOException {
    // An open descriptor keeps the kernel from reusing the device for another file.
    try (FileChannel _ = FileChannel.open(Path.of(device), StandardOpenOption.READ)) {
      Commands.unmount(directory);
      if (type == Filesystem.BTRFS) {
        // The kernel remembers the devices of a filesystem, and would refuse an older state of the
        // same filesystem on another device.
        Commands.runUntilItSucceeds("btrfs", "device", "scan", "--forget", device);
      }
    }
  }
}
