package io.gatun.snapshot.filetree;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.ResolveFlag;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A directory in a tree that is being walked, known by its place and opened when it is needed.
 *
 * <p>It is opened below the nearest directory above it that is open at the time, without following
 * any symbolic link or entering another mount, and so neither the depth of the tree nor the length
 * of its paths has a limit. It stays open while somebody uses it or, if descriptors last, while
 * somebody who needs it is still to come: every directory starts with one such user, itself, and
 * has one more for each child that was announced.
 *
 * <p>Safe for use by many threads. Locks are only ever taken upwards in the tree.
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

  /** PATH_MAX of linux/limits.h counts the NUL at the end. */
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

  /** {@return the directory at the top, whose descriptor belongs to the caller} */
  public static TreeDirectory top(TreeDescriptors descriptors, Fd top) {
    return new TreeDirectory(descriptors, top);
  }

  /** {@return a directory below this one, which has to be {@link #enter entered} once} */
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

  /** Says that what is directly in it has been dealt with. */
  public synchronized void leave() {
    users--;
    expected--;
    closeIfIdle();
  }

  /** Announces somebody who will {@link #open} this later, and {@link #forget} it after that. */
  public synchronized void expect() {
    expected++;
  }

  /** Takes back an announcement. */
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

  /** Ends a use. */
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

  /** {@return its descriptor if it is open anyway} */
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

  /** Takes as many names as one call can, and opens what they lead to. */
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
      // Before Linux 5.6: name by name, which is slow for deep trees only, and may enter mounts.
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

  /** Only the owner, or who has CAP_FOWNER, may read without changing the access time (open(2)). */
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
