package io.gatun.server.powercut;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A filesystem that lies in a file, mounted through a loop device. The kernel lets go of the device
 * when the filesystem is unmounted, also if that is because the mount namespace ended with its last
 * process.
 */
public final class LoopMount implements AutoCloseable {

  /** A container or a background thread of the kernel may hold a file for a moment. */
  private static final int UNMOUNT_ATTEMPTS = 600;

  private static final int UNMOUNT_PAUSE_MILLIS = 100;

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
   * @param file holds the filesystem
   * @param directory must be there
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

  /** Unmounts, which writes everything; the loop device goes with it. */
  @Override
  public void close() throws IOException {
    for (int attempt = 1; ; attempt++) {
      try {
        Commands.run("umount", directory.toString());
        break;
      } catch (IOException e) {
        if (attempt == UNMOUNT_ATTEMPTS) {
          throw e;
        }
      }
      pause();
    }
    if (type == Filesystem.BTRFS && Files.exists(Path.of(device))) {
      // The kernel remembers which devices it has seen a filesystem on, and would refuse an older
      // state of
      // the same filesystem on another device.
      Commands.run("btrfs", "device", "scan", "--forget", device);
    }
  }

  private static void pause() throws IOException {
    try {
      Thread.sleep(UNMOUNT_PAUSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while unmounting", e);
    }
  }
}
