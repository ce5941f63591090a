package io.gatun.server.powercut;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The process that offers a disk as a file.
 *
 * <p>Users of the file block in the kernel until this process answers, and cannot be killed
 * meanwhile. The process therefore has no other work, touches no file on the disk, and ends with
 * its parent process, whose end closes its standard input; the kernel then answers all requests
 * with an error.
 */
final class DiskServer {

  private static final String READY = "ready";
  private static final int PATIENCE_SECONDS = 300;
  private static final int UNMOUNT_SECONDS = 30;
  private static final int PAUSE_MILLIS = 20;

  private final Process process;
  private final BufferedReader output;
  private final Path file;

  private DiskServer(Process process, Path file) {
    this.process = process;
    this.output = process.inputReader(UTF_8);
    this.file = file;
  }

  /**
   * Starts a process that offers a disk; the disk exists when this returns.
   *
   * @param image the content of the disk
   * @param file the file to mount it over
   * @param log an empty log
   */
  static DiskServer start(Path image, Path file, WriteLog log) throws IOException {
    List<String> command =
        new ArrayList<>(ThisJvm.command(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(DiskServer.class.getName());
    command.addAll(List.of(image.toString(), file.toString(), log.directory().toString()));
    command.add(Long.toString(log.capacityBytes()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    DiskServer server = new DiskServer(process, file);
    String said = server.output.readLine();
    if (!READY.equals(said)) {
      server.end();
      throw new IOException("no disk at %s: %s".formatted(file, said));
    }
    return server;
  }

  /** Unmounts the file, which must not be open, and throws if the disk has failed. */
  void stop() throws IOException {
    try {
      unmount();
    } catch (IOException e) {
      end();
      Mounts.umount2(LinuxPath.of(file), UnmountFlag.NO_FOLLOW, UnmountFlag.DETACH);
      throw e;
    }
    String said = output.lines().collect(Collectors.joining("\n"));
    int status = end();
    if (status != 0) {
      throw new IOException(
          "the disk failed while it was in use: " + file, new IOException(said.strip()));
    }
  }

  /**
   * A loop device ends with its last descriptor, and only then is the file below free; a process
   * that this one is starting has a descriptor until it executes its own program.
   */
  private void unmount() throws IOException {
    long begin = System.nanoTime();
    while (true) {
      try {
        Mounts.umount2(LinuxPath.of(file), UnmountFlag.NO_FOLLOW);
        return;
      } catch (ErrnoException e) {
        boolean isLast = System.nanoTime() - begin > TimeUnit.SECONDS.toNanos(UNMOUNT_SECONDS);
        if (isLast || !e.is(Errno.EBUSY)) {
          throw e;
        }
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(PAUSE_MILLIS));
    }
  }

  private int end() throws IOException {
    process.getOutputStream().close();
    try {
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
      return process.exitValue();
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while unmounting the disk", e);
    }
  }

  // The process itself.

  /** Arguments: the image, the file, and directory and capacity of the log. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    Thread.ofPlatform().name("parent").daemon().start(DiskServer::endWithParent);
    DiskImage image = DiskImage.open(Path.of(arguments[0]));
    WriteLog log = WriteLog.open(Path.of(arguments[2]), Long.parseLong(arguments[3]));
    FuseFile served =
        new FuseFile(Path.of(arguments[1]), new LoggedContent(image, image.sizeBytes(), log));
    System.out.println(READY);
    @Nullable IOException failure = served.awaitEnd();
    if (failure != null) {
      System.out.println(failure.getMessage());
    }
    Runtime.getRuntime().halt(failure == null ? 0 : 1);
  }

  private static void endWithParent() {
    try (InputStreamReader input = new InputStreamReader(System.in, UTF_8)) {
      while (input.read() >= 0) {}
    } catch (IOException e) {
      System.out.println(e.getMessage());
    }
    Runtime.getRuntime().halt(1);
  }

  private record LoggedContent(DiskImage image, long sizeBytes, WriteLog log)
      implements FuseFile.Content {

    @Override
    public void read(ByteBuffer into, long offset) throws IOException {
      image.read(into, offset);
    }

    @Override
    public void write(ByteBuffer from, long offset) throws IOException {
      log.write(offset, from);
      image.write(from, offset);
    }

    @Override
    public void zero(long offset, long length) throws IOException {
      log.zero(offset, length);
      image.zero(offset, length);
    }

    @Override
    public void flush() throws IOException {
      log.flush();
    }
  }
}
