package io.gatun.linux;

import io.gatun.bench.ShortRuns;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;

/**
 * What does a call into the C library cost, and how much of it is errno? The function is
 * getppid(2), which the C library does not cache, and which does almost nothing in the kernel.
 *
 * <p>Only {@link #asGatunCalls} is Gatun's way of calling. A reused capture segment, as in {@link
 * #withErrno}, could serve one thread only.
 */
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class NativeCallBenchmark extends ShortRuns {

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
