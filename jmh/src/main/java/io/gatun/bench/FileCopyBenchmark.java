package io.gatun.bench;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Which way to copy file content is the cheapest, for small and for large files? The source is in
 * the page cache and on disk; the target is a new, empty file, whose creation is not measured.
 * Nothing is synced.
 *
 * <p>If a filesystem does not support a way, the result is the errno instead of a time. The files
 * have no names, which leaves none behind.
 */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class FileCopyBenchmark extends ShortRuns {

  private static final int BUFFER_BYTES = 256 << 10;
  private static final long SEED = 20_261_124;
  private static final int FILE_MODE = 0600;

  @Param({"4096", "67108864"})
  int sizeBytes;

  @Param(TemporaryDirectory.DEFAULT_PARENT)
  String directory;

  private final LinuxDisk disk = new LinuxDisk();
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
  private Fd parent;
  private Fd source;
  private Fd target;

  @Setup
  public void writeSource() throws IOException {
    parent =
        Fcntl.open(
            LinuxPath.of(Path.of(directory).toAbsolutePath()),
            OpenFlag.READ_ONLY,
            OpenFlag.DIRECTORY);
    source = create("source");
    byte[] content = new byte[BUFFER_BYTES];
    Random random = new Random(SEED);
    for (long at = 0; at < sizeBytes; ) {
      random.nextBytes(content);
      buffer.clear().put(content).flip();
      buffer.limit((int) Math.min(buffer.limit(), sizeBytes - at));
      at += disk.write(source, buffer, at);
    }
    // A file with delayed allocation has no blocks to share.
    disk.sync(source);
  }

  @TearDown
  public void close() {
    source.close();
    parent.close();
  }

  @Setup(Level.Invocation)
  public void makeTarget() throws IOException {
    target = create("target");
  }

  @TearDown(Level.Invocation)
  public void dropTarget() {
    target.close();
  }

  private Fd create(String role) throws ErrnoException {
    LinuxPath name =
        LinuxPath.of("gatun-bench-%s-%d".formatted(role, ProcessHandle.current().pid()));
    Fd file = disk.createFile(parent, name, FILE_MODE);
    disk.removeFile(parent, name);
    return file;
  }

  @Benchmark
  public void reflink() throws ErrnoException {
    disk.cloneFile(source, target);
  }

  @Benchmark
  public void copyFileRange() throws ErrnoException {
    for (long at = 0; at < sizeBytes; ) {
      at += disk.copyRange(source, at, target, at, sizeBytes - at);
    }
  }

  @Benchmark
  public void readAndWrite() throws ErrnoException {
    for (long at = 0; at < sizeBytes; ) {
      buffer.clear();
      Unistd.pread(source, buffer, at);
      buffer.flip();
      while (buffer.hasRemaining()) {
        at += disk.write(target, buffer, at);
      }
    }
  }
}
