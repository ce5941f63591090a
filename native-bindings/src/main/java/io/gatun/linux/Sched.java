package io.gatun.linux;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.function;
import static io.gatun.linux.NativeCall.repeat;

import java.lang.invoke.MethodHandle;

/**
 * Namespaces: {@code sched.h}. What is changed is the calling <em>thread</em>, so use a platform
 * thread that does nothing else and ends afterwards.
 */
public final class Sched {

  private static final MethodHandle UNSHARE = function("unshare", INT, INT);
  private static final MethodHandle SETNS = function("setns", INT, INT, INT);

  private Sched() {}

  /**
   * Gives the thread its own copies: unshare(2). {@link NamespaceType#USER} is {@code EINVAL} in a
   * JVM, which always has several threads, and so is {@link NamespaceType#MOUNT} unless the thread
   * has {@link NamespaceType#FILESYSTEM_ATTRIBUTES} for itself, which the kernel adds by itself.
   */
  public static void unshare(NamespaceType... types) throws ErrnoException {
    int bits = Flags.bits(types, type -> type.bits);
    check("unshare", repeat((state, arena) -> (int) UNSHARE.invokeExact(state, bits)));
  }

  /**
   * Moves the thread into a namespace: setns(2).
   *
   * @param namespace a file of /proc/PID/ns; {@code EINVAL} if it is of another type
   */
  public static void setns(Fd namespace, NamespaceType type) throws ErrnoException {
    int fd = namespace.number();
    int bits = type.bits;
    check("setns", repeat((state, arena) -> (int) SETNS.invokeExact(state, fd, bits)), namespace);
  }
}
