package io.gatun.server.crash;

import io.gatun.server.powercut.ThisJvm;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;

/**
 * A program prepared for many starts.
 *
 * <p>Hundreds of starts would spend most of their time in a cold JVM. The first daemon therefore
 * creates a class archive for the others, and all omit the compiler's last optimisations. Archives
 * require that all classes come from jars.
 */
final class Preparation {

  private static final Path DISTRIBUTION = Path.of("target/gatun").toAbsolutePath();
  private static final Path TEST_CLASSES = Path.of("target/test-classes").toAbsolutePath();
  private static final Path ALTERED_PACKAGE = Path.of("io/gatun/server");
  private static final String ALTERED_CLASS = "AlteredDaemon";

  private final Program program;
  private final Path archive;
  private final Path jar;

  private Preparation(Program program, Path directory) {
    this.program = program;
    this.archive = directory.resolve("classes.jsa");
    this.jar = directory.resolve("altered-daemon.jar");
  }

  /**
   * Prepares a program.
   *
   * @param directory an existing directory for a temporary root
   */
  static Preparation of(Program program, Path directory) throws IOException {
    Preparation preparation = new Preparation(program, directory);
    preparation.writeJar();
    Launcher launcher = new Launcher(directory, directory.resolve("root"), preparation, "");
    try (DaemonUnderTest daemon = launcher.start("")) {
      daemon.awaitReady();
      daemon.stop();
      if (!Files.exists(preparation.archive)) {
        throw new AssertionError("the daemon has written no archive:\n" + daemon.log());
      }
    }
    return preparation;
  }

  private void writeJar() throws IOException {
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file);
        DirectoryStream<Path> classes =
            Files.newDirectoryStream(
                TEST_CLASSES.resolve(ALTERED_PACKAGE), ALTERED_CLASS + "*.class")) {
      for (Path each : classes) {
        out.putNextEntry(new JarEntry(TEST_CLASSES.relativize(each).toString()));
        Files.copy(each, out);
      }
    }
  }

  /** {@return the command that starts the program with a configuration file} */
  ProcessBuilder command(Path configuration) {
    List<String> options =
        List.of(
            "-XX:TieredStopAtLevel=1",
            "-XX:+AutoCreateSharedArchive",
            "-XX:SharedArchiveFile=" + archive);
    String home = System.getProperty("java.home");
    List<String> command = new ArrayList<>();
    switch (program) {
      case DISTRIBUTION ->
          command.addAll(
              List.of(DISTRIBUTION.resolve("bin/gatun").toString(), "serve", "--config"));
      case SMALL_JOURNALS, UNSYNCED_JOURNAL, UNSYNCED_DIRECTORIES -> {
        command.addAll(ThisJvm.command(options));
        String classPath = jar + ":" + DISTRIBUTION.resolve("lib/gatun-server.jar");
        command.addAll(List.of("-cp", classPath));
        command.add(ALTERED_PACKAGE.resolve(ALTERED_CLASS).toString().replace('/', '.'));
        command.add(program.name());
      }
    }
    command.add(configuration.toString());
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("GATUN_JAVA_HOME", home);
    builder.environment().put("GATUN_JAVA_OPTS", String.join(" ", options));
    return builder;
  }
}
