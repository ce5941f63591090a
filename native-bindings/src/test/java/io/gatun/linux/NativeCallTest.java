package io.gatun.linux;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.POINTER;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import java.io.IOException;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeCallTest {

  private static final int SIGUSR1 = 10;
  private static final int SIG_IGN = 1;
  private static final int LOCK_EX = 2;
  private static final int LOCK_UN = 8;
  private static final int CALLS_PER_THREAD = 60_000;

  @TempDir Path temporary;

  @Test
  void failureIsTheNegatedErrno() {
    assertThat(NativeCall.repeat((state, arena) -> fail(state, Errno.EXDEV))).isEqualTo(-18);
  }

  @Test
  void interruptedCallIsRepeatedUntilItIsNot() {
    AtomicInteger calls = new AtomicInteger();
    long result =
        NativeCall.repeat(
            (state, arena) -> calls.incrementAndGet() < 4 ? fail(state, Errno.EINTR) : 7);
    assertThat(result).isEqualTo(7);
    assertThat(calls).hasValue(4);
  }

  @Test
  void callToBeMadeOnceIsNotRepeated() {
    AtomicInteger calls = new AtomicInteger();
    long result =
        NativeCall.once(
            (state, arena) -> {
              calls.incrementAndGet();
              return fail(state, Errno.EINTR);
            });
    assertThat(result).isEqualTo(-Errno.EINTR.number());
    assertThat(calls).hasValue(1);
  }

  @Test
  void checkedThrowableIsABug() {
    assertThatThrownBy(
            () ->
                NativeCall.repeat(
                    (state, arena) -> {
                      throw new IOException("no native function throws this");
                    }))
        .isInstanceOf(AssertionError.class)
        .hasCauseInstanceOf(IOException.class);
  }

  @Test
  void functionThatTheLibraryLacksFailsWhenItIsCalled() {
    MethodHandle absent = NativeCall.function("gatun_no_such_function", INT, INT, POINTER);
    long result =
        NativeCall.repeat((state, arena) -> (int) absent.invokeExact(state, 1, MemorySegment.NULL));
    assertThat(result).isEqualTo(-Errno.ENOSYS.number());
    assertThatExceptionOfType(ErrnoException.class)
        .isThrownBy(() -> NativeCall.check("gatun_no_such_function", result))
        .withMessage("gatun_no_such_function: ENOSYS (Function not implemented)");
  }

  @Test
  void systemCallThatTheKernelLacksFailsWhenItIsCalled() {
    MethodHandle absent = NativeCall.systemCall(100_000, INT);
    assertThat(NativeCall.repeat((state, arena) -> (long) absent.invokeExact(state, 1)))
        .isEqualTo(-Errno.ENOSYS.number());
  }

  /** With one buffer for all threads, about one call in a thousand sees another thread's errno. */
  @Test
  void eachThreadSeesItsOwnErrno() throws Exception {
    LinuxPath missing = LinuxPath.of(temporary).resolve("missing");
    List<Callable<Integer>> work = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      work.add(() -> countOthers(Errno.EBADF, () -> Unistd.fsync(Fd.opened(1 << 20, "none"))));
      work.add(() -> countOthers(Errno.ENOENT, () -> Fcntl.open(missing).close()));
    }
    ExecutorService threads = Executors.newFixedThreadPool(work.size());
    try {
      for (Future<Integer> wrong : threads.invokeAll(work)) {
        assertThat(wrong.get()).isZero();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  /**
   * Goal: a signal without SA_RESTART, as other libraries in the process may install it, does not
   * fail a call. Method: a thread waits for a lock and receives signals until an interruption is
   * observed; it must keep waiting and finally get the lock.
   */
  @Test
  void signalDoesNotFailACallThatWaits() throws Exception {
    LinuxPath path = LinuxPath.of(temporary).resolve("lock");
    MethodHandle gettid = NativeCall.function("gettid", INT);
    MethodHandle tgkill = NativeCall.function("tgkill", INT, INT, INT, INT);
    MethodHandle flock = NativeCall.function("flock", INT, INT, INT);
    letSignalInterrupt();
    ExecutorService waiting = Executors.newSingleThreadExecutor();
    try (Fd holder = Fcntl.openat(Fd.CURRENT_DIRECTORY, path, 0600, OpenFlag.CREATE);
        Fd waiter = Fcntl.openat(Fd.CURRENT_DIRECTORY, path, OpenFlag.READ_ONLY)) {
      Fcntl.flock(holder);
      AtomicInteger thread = new AtomicInteger();
      AtomicInteger attempts = new AtomicInteger();
      CountDownLatch started = new CountDownLatch(1);
      int fd = waiter.number();
      Future<Long> result =
          waiting.submit(
              () -> {
                thread.set((int) NativeCall.repeat((s, a) -> (int) gettid.invokeExact(s)));
                started.countDown();
                return NativeCall.repeat(
                    (state, arena) -> {
                      attempts.incrementAndGet();
                      return (int) flock.invokeExact(state, fd, LOCK_EX);
                    });
              });
      started.await();
      int pid = (int) ProcessHandle.current().pid();
      while (attempts.get() < 4 && !result.isDone()) {
        NativeCall.check(
            "tgkill",
            NativeCall.repeat((s, a) -> (int) tgkill.invokeExact(s, pid, thread.get(), SIGUSR1)));
        TimeUnit.MILLISECONDS.sleep(5);
      }
      assertThat(result.isDone()).isFalse();
      int held = holder.number();
      NativeCall.repeat((s, a) -> (int) flock.invokeExact(s, held, LOCK_UN));
      assertThat(result.get(10, TimeUnit.SECONDS)).isZero();
      assertThat(attempts.get()).isGreaterThanOrEqualTo(4);
    } finally {
      waiting.shutdownNow();
      ignoreSignal();
    }
  }

  /** A no-op signal handler in C: abs() takes an int and is async-signal-safe. */
  private static void letSignalInterrupt() {
    MemorySegment nothing = Linker.nativeLinker().defaultLookup().find("abs").orElseThrow();
    setHandler(nothing);
    MethodHandle siginterrupt = NativeCall.function("siginterrupt", INT, INT, INT);
    assertThat(NativeCall.repeat((s, a) -> (int) siginterrupt.invokeExact(s, SIGUSR1, 1))).isZero();
  }

  private static void ignoreSignal() {
    setHandler(MemorySegment.ofAddress(SIG_IGN));
  }

  private static void setHandler(MemorySegment handler) {
    MethodHandle signal = NativeCall.function("signal", POINTER, INT, POINTER);
    NativeCall.repeat(
        (state, arena) -> {
          MemorySegment previous = (MemorySegment) signal.invokeExact(state, SIGUSR1, handler);
          return previous.address() == -1 ? -1 : 0;
        });
  }

  private static long fail(MemorySegment state, Errno errno) {
    state.set(JAVA_INT, NativeCall.ERRNO, errno.number());
    return -1;
  }

  private interface Failing {
    void call() throws ErrnoException;
  }

  private static int countOthers(Errno expected, Failing failing) {
    int others = 0;
    for (int i = 0; i < CALLS_PER_THREAD; i++) {
      try {
        failing.call();
        others++;
      } catch (ErrnoException e) {
        if (!e.is(expected)) {
          others++;
        }
      }
    }
    return others;
  }
}
