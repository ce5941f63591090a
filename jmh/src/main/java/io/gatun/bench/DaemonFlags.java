package io.gatun.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * The flags of the JVMs that measure: those of the daemon, as {@code bin/gatun} gives them, since a
 * small heap and a serial collector make garbage cost something else than the JVM's own choice
 * would.
 */
final class DaemonFlags {

  private static final List<String> HEAP =
      List.of("-XX:+UseSerialGC", "-Xms16m", "-Xmn3m", "-Xmx64m", "-Xss512k");

  private static final String UNSAFE = "--sun-misc-unsafe-memory-access=allow";

  /** Older ones do not start with it. */
  private static final int JDK_THAT_KNOWS_UNSAFE = 23;

  private DaemonFlags() {}

  /** {@return the flags, with others behind them that may contradict them} */
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
