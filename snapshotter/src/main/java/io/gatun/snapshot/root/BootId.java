package io.gatun.snapshot.root;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Identifies the current boot of the machine, see random(4). */
public final class BootId {

  private static final Path FILE = Path.of("/proc/sys/kernel/random/boot_id");

  private BootId() {}

  public static String read() throws IOException {
    return Files.readString(FILE).strip();
  }
}
