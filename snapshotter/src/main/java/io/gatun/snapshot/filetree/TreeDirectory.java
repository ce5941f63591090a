package io.gatun.snapshot.filetree;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Fcntl.ResolveFlag;
import io.gatun.linux.file.OpenFlag;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A directory of a tree being walked, identified by its position and opened on demand.
 *
 * <p>It is opened relative to its nearest open ancestor, without following symbolic links or
 * entering mounts; depth and path length are therefore unlimited. It stays open while in use and,
 * within the descriptor limit, while a use is expected: each directory starts with one expected
 * use, its own, and gets one for each announced child.
 *
 * <p>Thread-safe. Locks are only taken upwards in the tree.
 */
public final class TreeDirectory {

  private static final OpenFlag[] FLAGS = {
    OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW, OpenFlag.NO_ACCESS_TIME
  };
  private static final OpenFlag[] FLAGS_OF_OTHERS = {
    OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW
  };
  private static final Set<ResolveFlag> INSIDE =
      Set.of(ResolveFlag.BENEATH, ResolveFlag.NO_SYMLINKS, ResolveFlag.NO_MOUNT_CROSSING);

  /** PATH_MAX of linux/limits.h includes the terminating NUL. */
  private static final int PATH_BYTES_MAX = 4095;

  private final TreeDescriptors descriptors;
  private final @Nullable TreeDirectory parent;
  private final LinuxPath name;

  private @Nullable Fd fd;
  private boolean mayStayOpen;
  private int users;
  private int expected = 1;

  private TreeDirectory(TreeDescriptors descriptors, TreeDirectory parent, LinuxPath name) {
    this.descriptors = descriptors;
    this.parent = parent;
    this.name = name;
  }

  private TreeDirectory(TreeDescriptors descriptors, Fd top) {
    this.descriptors = descriptors;
    this.parent = null;
    this.name = LinuxPath.EMPTY;
    this.fd = top;
  }

  /** {@return the top directory; the caller keeps the ownership of its descriptor} */
  public static TreeDirectory top(TreeDescriptors descriptors, Fd top) {
    return new TreeDirectory(descriptors, top);
  }

  /** {@return a child directory, which must be {@link #enter entered} once} */
  public TreeDirectory child(LinuxPath childName) {
    expect();
    return new TreeDirectory(descriptors, this, childName);
  }

  LinuxPath name() {
    return name;
  }

  /** {@return its descriptor, valid until {@link #leave}} */
  public Fd enter() throws ErrnoException {
    try {
      return open();
    } finally {
      if (parent != null) {
        parent.forget();
      }
    }
  }

  /** Ends the use begun by {@link #enter}. */
  public synchronized void leave() {
    users--;
    expected--;
    closeIfIdle();
  }

  /** Announces a later {@link #open}, followed by {@link #forget}. */
  public synchronized void expect() {
    expected++;
  }

  /** Withdraws an announcement. */
  public synchronized void forget() {
    expected--;
    closeIfIdle();
  }

  /** {@return its descriptor, valid until the matching {@link #release}} */
  public synchronized Fd open() throws ErrnoException {
    Fd current = fd;
    if (current == null) {
      current = reopen();
      fd = current;
      mayStayOpen = descriptors.opened(current);
    }
    users++;
    return current;
  }

  public synchronized void release() {
    users--;
    closeIfIdle();
  }

  private void closeIfIdle() {
    Fd current = fd;
    if (parent != null && current != null && users == 0 && (expected == 0 || !mayStayOpen)) {
      descriptors.close(current, mayStayOpen);
      fd = null;
    }
  }

  /** {@return its descriptor if it is already open} */
  private synchronized @Nullable Fd openIfReady() {
    if (fd != null) {
      users++;
    }
    return fd;
  }

  private Fd reopen() throws ErrnoException {
    Deque<LinuxPath> names = new ArrayDeque<>();
    names.push(name);
    TreeDirectory above = parent;
    while (above != null) {
      Fd start = above.openIfReady();
      if (start != null) {
        try {
          return descend(start, names);
        } finally {
          above.release();
        }
      }
      names.push(above.name);
      above = above.parent;
    }
    throw new IllegalStateException("the top of a tree is always open");
  }

  private static Fd descend(Fd start, Deque<LinuxPath> names) throws ErrnoException {
    Fd at = start;
    while (true) {
      Fd next;
      try {
        next = openBelow(at, names);
      } finally {
        if (at != start) {
          at.close();
        }
      }
      if (names.isEmpty()) {
        return next;
      }
      at = next;
    }
  }

  /** Opens as many path components as fit into one call. */
  private static Fd openBelow(Fd at, Deque<LinuxPath> names) throws ErrnoException {
    LinuxPath first = names.pop();
    Deque<LinuxPath> taken = new ArrayDeque<>();
    LinuxPath path = join(first, names, taken);
    try {
      return openWithoutTrace(flags -> Fcntl.openat2(at, path, INSIDE, flags));
    } catch (ErrnoException e) {
      if (!e.is(Errno.ENOSYS)) {
        throw e;
      }
      // Before Linux 5.6: one name at a time, which is slow for deep trees and may enter mounts.
      while (!taken.isEmpty()) {
        names.push(taken.pop());
      }
      return openWithoutTrace(flags -> Fcntl.openat(at, first, flags));
    }
  }

  @FunctionalInterface
  private interface Opening {
    Fd with(OpenFlag[] flags) throws ErrnoException;
  }

  /** O_NOATIME requires the owner or CAP_FOWNER (open(2)). */
  private static Fd openWithoutTrace(Opening opening) throws ErrnoException {
    try {
      return opening.with(FLAGS);
    } catch (ErrnoException e) {
      if (!e.is(Errno.EPERM)) {
        throw e;
      }
      return opening.with(FLAGS_OF_OTHERS);
    }
  }

  private static LinuxPath join(LinuxPath first, Deque<LinuxPath> names, Deque<LinuxPath> taken) {
    if (names.isEmpty()) {
      return first;
    }
    byte[] path = new byte[PATH_BYTES_MAX];
    int length = append(path, 0, first);
    while (!names.isEmpty() && length + 1 + names.peek().length() <= PATH_BYTES_MAX) {
      LinuxPath next = names.pop();
      taken.push(next);
      path[length] = '/';
      length = append(path, length + 1, next);
    }
    return LinuxPath.ofBytes(Arrays.copyOf(path, length));
  }

  private static int append(byte[] path, int at, LinuxPath name) {
    byte[] bytes = name.bytes();
    System.arraycopy(bytes, 0, path, at, bytes.length);
    return at + bytes.length;
  }
}
