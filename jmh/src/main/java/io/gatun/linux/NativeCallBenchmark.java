package io.gatun.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What does a call into the C library cost, and how much of it is errno? The function is
 * getppid(2), which the C library does not cache, and which does almost nothing in the kernel.
 *
 * <p>Only {@link #asGatunCalls} is Gatun's way of calling. A reused capture segment, as in {@link
 * #withErrno}, could serve one thread only.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class NativeCallBenchmark {

  private static final MethodHandle WITHOUT_ERRNO =
      Linker.nativeLinker()
          .downcallHandle(
              Linker.nativeLinker().defaultLookup().find("getppid").orElseThrow(),
              FunctionDescriptor.of(NativeCall.INT));

  private static final MethodHandle WITH_ERRNO = NativeCall.function("getppid", NativeCall.INT);

  private final MemorySegment errno = Arena.ofAuto().allocate(Linker.Option.captureStateLayout());

  @Benchmark
  public int withoutErrno() throws Throwable {
    return (int) WITHOUT_ERRNO.invokeExact();
  }

  @Benchmark
  public int withErrno() throws Throwable {
    return (int) WITH_ERRNO.invokeExact(errno);
  }

  @Benchmark
  public long asGatunCalls() {
    return NativeCall.repeat((state, _) -> (int) WITH_ERRNO.invokeExact(state));
  }
}
