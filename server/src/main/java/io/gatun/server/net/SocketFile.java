package io.gatun.server.net;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gatun.server.config.StartException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file of the listening socket.
 *
 * <p>netty deletes any file at its path before it binds, which would take the socket from a running
 * daemon. The socket is therefore bound to a name beside the path, gets its mode, and is moved over
 * the path. The move is atomic, so clients always find a working socket, and netty does not delete
 * our path when the channel closes. A socket keeps working under its new name (unix(7): only
 * connect looks up the path).
 *
 * <pre>
 *   free, or a socket that refuses connections  -> taken
 *   a socket that accepts connections           -> refused
 *   anything else                               -> refused
 * </pre>
 */
public final class SocketFile {

  private static final Logger LOG = LoggerFactory.getLogger(SocketFile.class);

  /** sockaddr_un holds 108 bytes (unix(7)): one is a NUL, and the JDK reserves one more. */
  private static final int PATH_BYTES_MAX = 106;

  /**
   * The number of connections that a socket must accept before it counts as in use: for some
   * milliseconds after a daemon was killed, its io_uring still listens, until a kernel thread ends
   * it (io_uring/io_uring.c: io_ring_exit_work).
   */
  private static final int ANSWERS_MIN = 10;

  private static final int ANSWER_PAUSE_MILLIS = 10;

  private static final int FILE_TYPE_MASK = 0170000;
  private static final int FILE_TYPE_SOCKET = 0140000;

  private final Path path;
  private final Path unfinished;
  private @Nullable Object ownKey;

  /** Checks that the path is free. */
  public SocketFile(Path path) {
    this.path = path;
    Path directory = path.getParent();
    if (directory == null || path.getFileName() == null) {
      throw refusal("is not a file", "name a socket in a directory");
    }
    this.unfinished = directory.resolve("." + Long.toString(ProcessHandle.current().pid(), 36));
    int bytes =
        Math.max(
            path.toString().getBytes(UTF_8).length, unfinished.toString().getBytes(UTF_8).length);
    if (bytes > PATH_BYTES_MAX) {
      throw refusal(
          "is too long for a socket (%d bytes of at most %d)".formatted(bytes, PATH_BYTES_MAX),
          "choose a shorter path");
    }
    checkFree();
  }

  /** {@return the path to bind to; its directory exists} */
  public Path bindPath() {
    try {
      createDirectory(Objects.requireNonNull(path.getParent()));
      Files.deleteIfExists(unfinished);
      return unfinished;
    } catch (IOException e) {
      throw new StartException(
          "cannot prepare the directory of address %s: %s".formatted(path, e), e);
    }
  }

  /** Moves the bound socket to its path. */
  public void publish() {
    checkFree();
    try {
      Files.setPosixFilePermissions(unfinished, PosixFilePermissions.fromString("rw-------"));
      ownKey = key(unfinished);
      Files.move(
          unfinished, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new StartException("cannot create the socket %s: %s".formatted(path, e), e);
    }
  }

  /** Deletes the socket, unless another daemon has taken the path since. */
  public void delete() {
    try {
      if (ownKey != null && ownKey.equals(key(path))) {
        Files.delete(path);
      }
    } catch (NoSuchFileException e) {
      // Already deleted.
    } catch (IOException e) {
      LOG.warn("socket not deleted path={} error=\"{}\"", path, e.toString());
    }
  }

  private void checkFree() {
    int type;
    try {
      type =
          (Integer) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS)
              & FILE_TYPE_MASK;
    } catch (NoSuchFileException e) {
      return;
    } catch (IOException e) {
      throw new StartException("cannot look at address %s: %s".formatted(path, e), e);
    }
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      throw refusal("is a directory", "name a socket in it, such as " + path.resolve("gatun.sock"));
    }
    if (Files.isSymbolicLink(path)) {
      throw refusal("is a symbolic link", "name the socket itself");
    }
    if (type != FILE_TYPE_SOCKET) {
      throw refusal("is a file, not a socket", "move it away, or choose another path");
    }
    if (answers()) {
      throw refusal(
          "is the socket of a running daemon", "stop that one first, or choose another path");
    }
  }

  private boolean answers() {
    for (int answers = 0; answers < ANSWERS_MIN; answers++) {
      if (answers > 0) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(ANSWER_PAUSE_MILLIS));
      }
      if (!answersNow()) {
        return false;
      }
    }
    return true;
  }

  private boolean answersNow() {
    try (SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
      return client.isConnected();
    } catch (ConnectException e) {
      // ECONNREFUSED: the file outlived its daemon.
      return false;
    } catch (IOException e) {
      // For instance EAGAIN: the listener is too busy to accept.
      return true;
    }
  }

  /** Allowed peers may traverse the directory but not list it. */
  private static void createDirectory(Path directory) throws IOException {
    if (Files.isDirectory(directory)) {
      return;
    }
    Path parent = directory.getParent();
    if (parent != null) {
      createDirectory(parent);
    }
    Files.createDirectory(directory);
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
  }

  private static @Nullable Object key(Path file) throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
        .fileKey();
  }

  private StartException refusal(String state, String remedy) {
    return new StartException("address %s %s: %s".formatted(path, state, remedy));
  }
}
