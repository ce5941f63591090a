package io.gatun.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Objects;
import java.util.Properties;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code gatun version}, and the version from the build. */
@Command(
    name = "version",
    description = "Prints the versions of Gatun, of the JDK and of the kernel.")
final class VersionCommand implements Runnable, IVersionProvider {

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine()
        .getOut()
        .printf(
            "gatun %s%njava %s (%s)%nlinux %s%n",
            number(),
            System.getProperty("java.runtime.version"),
            System.getProperty("java.home"),
            System.getProperty("os.version"));
  }

  static String number() {
    Properties properties = new Properties();
    try (InputStream build =
        Objects.requireNonNull(VersionCommand.class.getResourceAsStream("version.properties"))) {
      properties.load(build);
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
