package io.gatun.snapshot.layer.extract;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The user namespace of this process: user_namespaces(7). */
final class UserNamespace {

  private static final Path MAP = Path.of("/proc/self/uid_map");

  /** Maps all ids to themselves, except the invalid one. */
  private static final List<String> ALL = List.of("0", "0", "4294967295");

  private UserNamespace() {}

  /** {@return whether it is the initial one, as far as that can be determined} */
  static boolean isInitial() {
    try {
      return List.of(Files.readString(MAP).strip().split("\\s+")).equals(ALL);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + MAP, e);
    }
  }
}
