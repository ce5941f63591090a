package io.gatun.linux;

import io.gatun.bench.ShortRuns;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * What does it cost to pass a path to the kernel: to convert a string or a JDK path to bytes, and
 * to copy those into native memory, as each call does? {@link #stringIntoArena} is the JDK's own
 * way for both steps; it does not support bytes that are not valid UTF-8.
 */
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class PathBenchmark extends ShortRuns {

  /** The paths. */
  public enum Sample {
    NAME("libcrypto.so.3"),
    DEEP("snapshots/123456/fs/usr/lib/python3/dist-packages/pip/_vendor/requests/__init__.py"),
    NOT_ASCII("usr/share/ca-certificates/mozilla/NetLock_Arany_=Class_Gold=_Főtanúsítvány.crt");

    private final String text;

    Sample(String text) {
      this.text = text;
    }
  }

  @Param Sample sample;

  private String string;
  private Path jdkPath;
  private LinuxPath path;

  @Setup
  public void convert() {
    string = sample.text;
    jdkPath = Path.of(string);
    path = LinuxPath.of(string);
  }

  @Benchmark
  public LinuxPath fromString() {
    return LinuxPath.of(string);
  }

  @Benchmark
  public LinuxPath fromJdkPath() {
    return LinuxPath.of(jdkPath);
  }

  @Benchmark
  public void intoArena(Blackhole blackhole) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment inMemory = path.in(arena);
      blackhole.consume(inMemory);
    }
  }

  @Benchmark
  public void stringIntoArena(Blackhole blackhole) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment inMemory = arena.allocateFrom(string);
      blackhole.consume(inMemory);
    }
  }

  @Benchmark
  public String toText() {
    return path.toString();
  }
}
