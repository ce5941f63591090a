package io.gatun.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Objects;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** The version from the build. */
final class Version implements IVersionProvider {

  private static final String RESOURCE = "version.properties";

  static String number() {
    Properties properties = new Properties();
    try (InputStream stream = Objects.requireNonNull(Version.class.getResourceAsStream(RESOURCE))) {
      properties.load(stream);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return properties.getProperty("version");
  }

  @Override
  public String[] getVersion() {
    return new String[] {"gatun " + number()};
  }
}
