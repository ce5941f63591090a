package io.gatun.snapshot.layer.lower;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Resolves paths within a tree as {@code RESOLVE_IN_ROOT} of openat2(2) does, but also paths that
 * do not exist yet. Only reads; the result has no links, and {@link SecureOpen} opens it like any
 * other path.
 */
public final class LinkResolver implements AutoCloseable {

  /** containerd's limit; the kernel's own is 40. */
  private static final int LINKS_MAX = 255;

  private static final LinuxPath SELF = LinuxPath.of(".");
  private static final LinuxPath ABOVE = LinuxPath.of("..");

  private final Fd top;
  private final LinuxPath path;
  private final Deque<LinuxPath> ahead;
  private final List<LinuxPath> found = new ArrayList<>();
  private int links;

  /** The number of resolved components that exist; the others are missing. */
  private int present;

  /** The directory resolved so far, if it is open. */
  private @Nullable Fd at;

  private LinkResolver(Fd top, LinuxPath path) {
    this.top = top;
    this.path = path;
    this.ahead = new ArrayDeque<>(PathText.components(path));
  }

  /**
   * {@return where a path leads, following links at its end as well} Missing names count as
   * directories.
   *
   * @throws ErrnoException {@code ENOTDIR} if a component is neither a directory nor a link
   */
  public static LinuxPath resolve(Fd top, LinuxPath path) throws ErrnoException {
    try (LinkResolver resolver = new LinkResolver(top, path)) {
      return resolver.run();
    }
  }

  private LinuxPath run() throws ErrnoException {
    while (!ahead.isEmpty()) {
      LinuxPath next = ahead.pop();
      if (next.equals(ABOVE)) {
        goUp();
      } else if (!next.equals(SELF)) {
        Optional<LinuxPath> target = target(next);
        if (target.isPresent()) {
          follow(target.get());
        } else {
          found.add(next);
        }
      }
    }
    return PathText.join(found);
  }

  private void goUp() {
    if (!found.isEmpty()) {
      found.removeLast();
      present = Math.min(present, found.size());
      close();
    }
  }

  private void follow(LinuxPath target) throws ErrnoException {
    links++;
    if (links > LINKS_MAX) {
      throw new ErrnoException("readlinkat", Errno.ELOOP, top.path().resolve(path));
    }
    if (target.isAbsolute()) {
      found.clear();
      present = 0;
      close();
    }
    PathText.components(target).reversed().forEach(ahead::push);
  }

  /** {@return the target of a name in the resolved directory, if it is a link} */
  private Optional<LinuxPath> target(LinuxPath name) throws ErrnoException {
    if (present < found.size()) {
      return Optional.empty();
    }
    Fd directory = at;
    if (directory == null) {
      directory = SecureOpen.open(top, PathText.join(found));
      at = directory;
    }
    try {
      Fd next =
          Fcntl.openat(directory, name, OpenFlag.PATH, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
      close();
      at = next;
      present++;
      return Optional.empty();
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOENT)) {
        return Optional.empty();
      }
      if (!SecureOpen.isElsewhere(e)) {
        throw e;
      }
    }
    try {
      return Optional.of(Unistd.readlinkat(directory, name));
    } catch (ErrnoException e) {
      if (!e.is(Errno.EINVAL)) {
        throw e;
      }
      // Neither a directory nor a link; a further component would fail.
      present++;
      close();
      return Optional.empty();
    }
  }

  @Override
  public void close() {
    if (at != null) {
      at.close();
      at = null;
    }
  }
}
