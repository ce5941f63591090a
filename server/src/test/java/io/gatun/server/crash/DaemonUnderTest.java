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

  /** Long, since durations say little on a shared machine. */
  private static final Duration PATIENCE = Duration.ofMinutes(10);

  private static final int POLL_MILLIS = 3;
  private static final int KILLED_STATUS = 128 + 9;
  private static final int LOG_CHARACTERS_MAX = 8_000;

  private final Process process;
  private final Path socket;
  private final Optional<Object> leftSocket;
  private final Path log;

  /**
   * @param leftSocket the {@link #keyOf key} of an earlier daemon's file at {@code socket}
   */
  DaemonUnderTest(Process process, Path socket, Optional<Object> leftSocket, Path log) {
    this.process = process;
    this.socket = socket;
    this.leftSocket = leftSocket;
    this.log = log;
  }

  /** {@return the identity of a file among all that ever have its path, if it exists} */
  static Optional<Object> keyOf(Path file) throws IOException {
    try {
      return Optional.of(Files.readAttributes(file, BasicFileAttributes.class).fileKey());
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /** Waits until the daemon answers clients. */
  void awaitReady() throws IOException {
    if (!awaitReadyOrEnd()) {
      throw new AssertionError(
          "the daemon ended with status %d:\n%s".formatted(process.exitValue(), log()));
    }
  }

  /**
   * {@return true once the daemon answers clients; false if it has refused to start}
   *
   * <p>An accepted connection is not enough. The daemon closes connections that are not set up
   * within ten seconds, and on a busy machine a JVM that was just started needs that long for the
   * first one.
   */
  boolean awaitReadyOrEnd() throws IOException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!greets(deadline)) {
      if (!process.isAlive()) {
        return false;
      }
      if (System.nanoTime() > deadline) {
        throw new AssertionError("the daemon does not become ready:\n" + log());
      }
      pause(POLL_MILLIS);
    }
    return true;
  }

  /**
   * {@return whether a connection gets the server's greeting} A killed daemon's socket remains, and
   * may even accept connections for some milliseconds after the process is gone: a kernel thread
   * ends what its io_uring still waits for (io_uring/io_uring.c: io_ring_exit_work). That socket is
   * therefore not tried.
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

  /** {@return whether anything arrives: a server of HTTP/2 speaks first (RFC 9113, 3.4)} */
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

  /** {@return the end of the daemon's log} */
  String log() throws IOException {
    String text = Files.readString(log, UTF_8);
    return text.substring(Math.max(0, text.length() - LOG_CHARACTERS_MAX));
  }

  /** Kills the daemon, without a chance to clean up. */
  void kill() throws IOException {
    process.destroyForcibly();
    int status = awaitEnd();
    if (status != KILLED_STATUS) {
      throw new AssertionError(
          "the daemon ended by itself, with status %d:\n%s".formatted(status, log()));
    }
  }

  /** Stops the daemon, which must exit with success. */
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
      throw new IOException("interrupted while waiting for the end of the daemon", e);
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

  /** Ensures that no process remains, even after a failure. */
  @Override
  public void close() throws IOException {
    if (process.isAlive()) {
      process.destroyForcibly();
      awaitEnd();
    }
  }
}
