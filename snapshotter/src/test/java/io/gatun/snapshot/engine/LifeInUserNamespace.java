package io.gatun.snapshot.engine;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fixture.KernelMount;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A program for {@link UserNamespaceIT}, which runs a container in a root and prints the effects.
 */
final class LifeInUserNamespace {

  private static final Map<String, String> NO_LABELS = Map.of();

  private LifeInUserNamespace() {}

  /**
   * Prints one fact per line.
   *
   * @param arguments the root
   */
  public static void main(String[] arguments) throws Exception {
    try (EngineRoot root =
        TestRoots.open(Path.of(arguments[0]), DriverSetting.AUTO, TestRoots.PLAIN)) {
      System.out.println("driver=" + root.driver());
      Snapshotter snapshots = root.snapshotter();
      try (KernelMount base = KernelMount.of(snapshots.prepare("a", "", NO_LABELS))) {
        Files.createDirectories(base.path().resolve("directory/below"));
        Files.writeString(base.path().resolve("removed"), "base");
      }
      snapshots.commit("base", "a", "", NO_LABELS);
      List<Mount> mounts = snapshots.prepare("b", "base", NO_LABELS);
      System.out.println("options=" + mounts.getFirst().options());
      try (KernelMount container = KernelMount.of(mounts)) {
        Files.delete(container.path().resolve("removed"));
        Files.delete(container.path().resolve("directory/below"));
        Files.delete(container.path().resolve("directory"));
        Files.createDirectory(container.path().resolve("directory"));
      }
      snapshots.commit("top", "b", "", NO_LABELS);
      Path upper = WalkingDiffer.option(mounts.getFirst(), "upperdir=");
      System.out.println(
          "attributes="
              + Xattr.llistxattr(Fd.CURRENT_DIRECTORY, LinuxPath.of(upper.resolve("directory"))));
      try (KernelMount view = KernelMount.of(snapshots.view("v", "top", NO_LABELS))) {
        System.out.println("removed=" + Files.exists(view.path().resolve("removed")));
        System.out.println("below=" + Files.exists(view.path().resolve("directory/below")));
        System.out.println("directory=" + Files.exists(view.path().resolve("directory")));
      }
    }
  }
}
