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
 * The file of the listening socket: who may have the path, and whose file it is.
 *
 * <p>netty deletes whatever has the path before it binds, which would take the socket away from a
 * daemon that lives. So the socket is bound to a name beside it, gets its mode, and is then moved
 * over the path: that is one step, clients always find a socket that works, and when the channel
 * closes, it is not our path that netty deletes. A socket keeps working under its new name
 * (unix(7): a path is only looked up by connect).
 *
 * <pre>
 *   free, or a socket that nobody answers on  -> taken
 *   a socket that somebody answers on         -> refused
 *   anything else                             -> refused
 * </pre>
 */
public final class SocketFile {

  private static final Logger LOG = LoggerFactory.getLogger(SocketFile.class);

  /** Of the 108 in sockaddr_un (unix(7)), one is a NUL, and the JDK takes one more for itself. */
  private static final int PATH_BYTES_MAX = 106;

  /**
   * How long a socket has to go on answering: some milliseconds after a daemon was killed, the
   * kernel ends from a thread of its own what its io_uring was listening on (io_uring/io_uring.c:
   * io_ring_exit_work).
   */
  private static final int ANSWERS_MIN = 10;

  private static final int ANSWER_PAUSE_MILLIS = 10;

  private static final int FILE_TYPE_MASK = 0170000;
  private static final int FILE_TYPE_SOCKET = 0140000;

  private final Path path;
  private final Path unfinished;
  private @Nullable Object ownKey;

  /** Checks that a socket can be had at a path. */
  public SocketFile(Path path) {
    this.path = path;
    Path directory = path.getParent();
    if (directory == null || path.getFileName() == null) {
      throw refusal("is no file", "name a socket in a directory");
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

  /** {@return the path to bind to, in a directory that exists} */
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

  /** Puts the bound socket in its place. */
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

  /** Deletes the socket, unless somebody else has taken the path since. */
  public void delete() {
    try {
      if (ownKey != null && ownKey.equals(key(path))) {
        Files.delete(path);
      }
    } catch (NoSuchFileException e) {
      // Somebody was faster, which is as good.
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
      throw refusal("is a file and no socket", "move it away, or choose another path");
    }
    if (answers()) {
      throw refusal(
          "is the socket of a daemon that runs", "stop that one first, or choose another path");
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
      // For instance EAGAIN: somebody listens who is too busy to accept.
      return true;
    }
  }

  /**
   * Others may pass through to a socket that they are allowed to use, and see nothing on the way.
   */
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
