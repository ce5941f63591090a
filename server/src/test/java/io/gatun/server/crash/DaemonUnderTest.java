package io.gatun.server.crash;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A daemon in a process of its own. */
final class DaemonUnderTest implements AutoCloseable {

  /** How long something takes says little where others use the machine as well. */
  private static final Duration PATIENCE = Duration.ofMinutes(10);

  private static final int POLL_MILLIS = 3;
  private static final int KILLED_STATUS = 128 + 9;
  private static final int LOG_CHARACTERS_MAX = 8_000;

  private final Process process;
  private final Path socket;
  private final Optional<Object> leftSocket;
  private final Path log;

  /**
   * @param leftSocket the {@link #keyOf key} of what an earlier daemon has left at {@code socket}
   */
  DaemonUnderTest(Process process, Path socket, Optional<Object> leftSocket, Path log) {
    this.process = process;
    this.socket = socket;
    this.leftSocket = leftSocket;
    this.log = log;
  }

  /** {@return what tells a file from all others that have its path at any time, if there is one} */
  static Optional<Object> keyOf(Path file) throws IOException {
    try {
      return Optional.of(Files.readAttributes(file, BasicFileAttributes.class).fileKey());
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /** Waits until clients can speak to it. */
  void awaitReady() throws IOException {
    if (!awaitReadyOrEnd()) {
      throw new AssertionError(
          "the daemon ended with status %d:\n%s".formatted(process.exitValue(), log()));
    }
  }

  /**
   * {@return whether clients can speak to it, and not rather the daemon has refused to start}
   *
   * <p>That it accepts is not enough. It closes a connection that is not set up after ten seconds,
   * and on a busy machine a JVM that has just been started takes as long for the first one.
   */
  boolean awaitReadyOrEnd() throws IOException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!greets(deadline)) {
      if (!process.isAlive()) {
        return false;
      }
      if (System.nanoTime() > deadline) {
        throw new AssertionError("the daemon does not get ready:\n" + log());
      }
      pause(POLL_MILLIS);
    }
    return true;
  }

  /**
   * The socket of a daemon that was killed stays, and may even accept for some milliseconds after
   * the process is gone: the kernel ends what its io_uring still waits for, such as connections,
   * from a thread of its own (io_uring/io_uring.c: io_ring_exit_work). So it is not to be asked.
   */
  private boolean greets(long deadline) throws IOException {
    Optional<Object> present = keyOf(socket);
    if (present.isEmpty() || present.equals(leftSocket)) {
      return false;
    }
    try (SocketChannel connection = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      return hears(connection, deadline);
    } catch (IOException e) {
      return false;
    }
  }

  /** {@return whether anything comes: a server of HTTP/2 speaks first (RFC 9113, 3.4)} */
  private boolean hears(SocketChannel connection, long deadline) throws IOException {
    connection.configureBlocking(false);
    ByteBuffer first = ByteBuffer.allocate(1);
    while (process.isAlive() && System.nanoTime() < deadline) {
      int count = connection.read(first);
      if (count != 0) {
        return count > 0;
      }
      pause(POLL_MILLIS);
    }
    return false;
  }

  Path socket() {
    return socket;
  }

  /** {@return the end of what the daemon wrote to its log} */
  String log() throws IOException {
    String text = Files.readString(log, UTF_8);
    return text.substring(Math.max(0, text.length() - LOG_CHARACTERS_MAX));
  }

  /** Kills the daemon, which it does not notice. */
  void kill() throws IOException {
    process.destroyForcibly();
    int status = awaitEnd();
    if (status != KILLED_STATUS) {
      throw new AssertionError(
          "the daemon ended by itself, with status %d:\n%s".formatted(status, log()));
    }
  }

  /** Has the daemon end by itself, with success. */
  void stop() throws IOException {
    process.destroy();
    int status = awaitEnd();
    if (status != 0) {
      throw new AssertionError("the daemon stopped with status %d:\n%s".formatted(status, log()));
    }
  }

  private int awaitEnd() throws IOException {
    try {
      if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError("the daemon does not end:\n" + log());
      }
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while the daemon was to end", e);
    }
  }

  static void pause(long millis) throws IOException {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** Sees to it that no process stays, whatever has happened. */
  @Override
  public void close() throws IOException {
    if (process.isAlive()) {
      process.destroyForcibly();
      awaitEnd();
    }
  }
}
