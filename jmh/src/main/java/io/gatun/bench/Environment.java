package io.gatun.bench;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Statfs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;

/** The context that makes results comparable: the commit, the machine, and its load. */
final class Environment {

  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
  private static final Path MEMORY_INFO = Path.of("/proc/meminfo");
  private static final Path LOAD = Path.of("/proc/loadavg");

  /** The load averages in loadavg; the other fields are about processes. */
  private static final int LOAD_FIELDS = 3;

  private Environment() {}

  /**
   * {@return lines of the form {@code key=value}}
   *
   * @param directories the directories for files
   */
  static List<String> describe(Collection<String> directories) {
    List<String> lines = new ArrayList<>();
    lines.add("date=" + Instant.now().truncatedTo(ChronoUnit.SECONDS));
    lines.add("commit=" + Build.commit());
    lines.add(
        "jdk=%s %s, %s"
            .formatted(
                System.getProperty("java.vm.name"),
                System.getProperty("java.runtime.version"),
                System.getProperty("java.home")));
    lines.add("kernel=" + System.getProperty("os.version"));
    lines.add("cpu=" + cpu());
    lines.add("processors=" + Runtime.getRuntime().availableProcessors());
    lines.add("memory=" + valueIn(MEMORY_INFO, "MemTotal", "unknown"));
    for (String directory : directories) {
      lines.add("filesystem %s=%s".formatted(directory, filesystem(directory)));
    }
    return lines;
  }

  /** {@return the load averages over 1, 5 and 15 minutes} */
  static String load() {
    String[] fields = lines(LOAD).getFirst().split(" ", LOAD_FIELDS + 1);
    return String.join(" ", List.of(fields).subList(0, LOAD_FIELDS));
  }

  private static String cpu() {
    // On aarch64 the kernel provides no model name.
    return valueIn(CPU_INFO, "model name", System.getProperty("os.arch"));
  }

  private static String filesystem(String directory) {
    try {
      return Statfs.statfs(LinuxPath.of(directory)).type().name().toLowerCase(Locale.ROOT);
    } catch (ErrnoException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private static String valueIn(Path file, String key, String otherwise) {
    for (String line : lines(file)) {
      int colon = line.indexOf(':');
      if (colon > 0 && line.substring(0, colon).strip().equals(key)) {
        return line.substring(colon + 1).strip();
      }
    }
    return otherwise;
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
