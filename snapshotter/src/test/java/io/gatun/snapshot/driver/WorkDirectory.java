package io.gatun.snapshot.driver;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.fixture.LoopFilesystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A directory for one test, deleted afterwards with any content. */
public final class WorkDirectory implements AutoCloseable {

  private final Path path;

  private WorkDirectory(Path path) {
    this.path = path;
  }

  public static WorkDirectory create() throws IOException {
    return new WorkDirectory(Files.createTempDirectory("gatun-test-"));
  }

  static WorkDirectory on(LoopFilesystem filesystem) {
    return new WorkDirectory(filesystem.createDirectory("test-"));
  }

  public Path path() {
    return path;
  }

  /** {@return a new directory in this one} */
  public Path directory(String name) throws IOException {
    return Files.createDirectory(path.resolve(name));
  }

  public Fd open() throws ErrnoException {
    return open(path);
  }

  public static Fd open(Path directory) throws ErrnoException {
    return Fcntl.open(
        LinuxPath.of(directory), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_ACCESS_TIME);
  }

  @Override
  public void close() {
    LoopFilesystem.run(List.of("rm", "-rf", "--one-file-system", "--", path.toString()));
  }
}
