package io.gatun.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.Properties;

/** The build's own metadata. */
final class Build {

  private static final String PROPERTIES = "build.properties";
  private static final String JVM_FLAGS = "jvm.flags";

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

  /** {@return the JVM flags that Gatun's libraries require, the same as in tests} */
  static List<String> jvmFlags() {
    try (InputStream stream = open(JVM_FLAGS)) {
      return List.of(
          new String(stream.readAllBytes(), StandardCharsets.UTF_8).strip().split("\\s+"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static InputStream open(String resource) {
    return Objects.requireNonNull(Build.class.getResourceAsStream(resource), resource);
  }
}
