package io.gatun.server.powercut;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The JVM of the tests, for child processes like it. */
public final class ThisJvm {

  private ThisJvm() {}

  /**
   * {@return the start of a command for a JVM with the permissions of this one}
   *
   * @param options further ones
   */
  public static List<String> command(List<String> options) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
    command.addAll(options);
    // Libraries on the class path need the options of this JVM.
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(flag -> Stream.of("--", "-Dchronicle.").anyMatch(flag::startsWith))
        .forEach(command::add);
    return command;
  }
}
