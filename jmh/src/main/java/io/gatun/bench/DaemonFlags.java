package io.gatun.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * The flags of the measuring JVMs: those of the daemon in {@code bin/gatun}, because a small heap
 * and the serial collector make garbage cost more or less than the JVM's defaults do.
 */
final class DaemonFlags {

  private static final List<String> HEAP =
      List.of("-XX:+UseSerialGC", "-Xms16m", "-Xmn3m", "-Xmx64m", "-Xss512k");

  private static final String UNSAFE = "--sun-misc-unsafe-memory-access=allow";

  /** Older JDKs do not start with the flag. */
  private static final int JDK_THAT_KNOWS_UNSAFE = 23;

  private DaemonFlags() {}

  /** {@return the flags, followed by others that may override them} */
  static String[] with(Collection<String> others) {
    List<String> flags = new ArrayList<>(HEAP);
    flags.addAll(Build.jvmFlags());
    if (Runtime.version().feature() >= JDK_THAT_KNOWS_UNSAFE) {
      flags.add(UNSAFE);
    }
    flags.addAll(others);
    return flags.toArray(String[]::new);
  }
}
