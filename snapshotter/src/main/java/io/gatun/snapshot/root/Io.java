package io.gatun.snapshot.root;

import io.gatun.linux.ErrnoException;

/** Work that a system call may fail. */
public final class Io {

  /** Work without a result. */
  @FunctionalInterface
  public interface Action {
    void run() throws ErrnoException;
  }

  /** Work with a result. */
  @FunctionalInterface
  public interface Source<T> {
    T get() throws ErrnoException;
  }

  private Io() {}
}
