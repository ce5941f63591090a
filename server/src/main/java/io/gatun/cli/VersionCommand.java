package io.gatun.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code gatun version}. */
@Command(
    name = "version",
    description = "Prints the versions of Gatun, of the JDK and of the kernel.")
final class VersionCommand implements Runnable {

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine()
        .getOut()
        .printf(
            "gatun %s%njava %s (%s)%nlinux %s%n",
            Version.number(),
            System.getProperty("java.runtime.version"),
            System.getProperty("java.home"),
            System.getProperty("os.version"));
  }
}
