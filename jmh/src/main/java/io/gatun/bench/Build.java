package io.gatun.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Properties;

/** The build's own metadata, and the flags of its JVMs. */
final class Build {

  private static final String PROPERTIES = "build.properties";
  private static final String JVM_FLAGS = "jvm.flags";

  private static final List<String> HEAP =
      List.of("-XX:+UseSerialGC", "-Xms16m", "-Xmn3m", "-Xmx64m", "-Xss512k");

  private static final String UNSAFE = "--sun-misc-unsafe-memory-access=allow";

  /** Older JDKs do not start with the flag. */
  private static final int JDK_THAT_KNOWS_UNSAFE = 23;

  /** Maven's placeholder for an unknown value. */
  private static final String UNKNOWN_PREFIX = "${";

  private Build() {}

  /** {@return the commit of the build, marked if the sources had changes} */
  static String commit() {
    Properties properties = new Properties();
    try (InputStream stream = open(PROPERTIES)) {
      properties.load(stream);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    String commit = properties.getProperty("commit");
    if (commit.startsWith(UNKNOWN_PREFIX)) {
      return "unknown (version %s, built outside a repository)"
          .formatted(properties.getProperty("version"));
    }
    return Boolean.parseBoolean(properties.getProperty("dirty"))
        ? commit + " with changes"
        : commit;
  }

  /**
   * {@return the flags of the measuring JVMs, followed by others that may override them} They are
   * those of the daemon in {@code bin/gatun}, because a small heap and the serial collector make
   * garbage cost more or less than the JVM's defaults do.
   */
  static String[] daemonFlags(Collection<String> others) {
    List<String> flags = new ArrayList<>(HEAP);
    // The flags that Gatun's libraries require, the same as in tests.
    try (InputStream stream = open(JVM_FLAGS)) {
      flags.addAll(
          List.of(new String(stream.readAllBytes(), StandardCharsets.UTF_8).strip().split("\\s+")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    if (Runtime.version().feature() >= JDK_THAT_KNOWS_UNSAFE) {
      flags.add(UNSAFE);
    }
    flags.addAll(others);
    return flags.toArray(String[]::new);
  }

  private static InputStream open(String resource) {
    return Objects.requireNonNull(Build.class.getResourceAsStream(resource), resource);
  }
}
