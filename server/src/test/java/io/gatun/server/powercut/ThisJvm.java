package io.gatun.server.powercut;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The JVM that the tests run on, for processes that are to be like it. */
public final class ThisJvm {

  private ThisJvm() {}

  /**
   * {@return how a JVM is started that may do what this one may}
   *
   * @param options further ones
   */
  public static List<String> command(List<String> options) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
    command.addAll(options);
    // What the class path needs, this JVM was given, too.
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(flag -> Stream.of("--", "-Dchronicle.").anyMatch(flag::startsWith))
        .forEach(command::add);
    return command;
  }
}
