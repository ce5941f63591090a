package io.gatun.bench;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;

/**
 * How much does group commit of the journal gain? Each writer replaces a record of its own. {@link
 * #sixteenWritersOneByOne} serialises the same writers before the store, which prevents sharing an
 * fdatasync(2). {@link #floor} is the disk's time for the I/O of one append: overwriting an
 * existing block and syncing it.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class JournalBenchmark extends ShortRuns {

  private static final int WRITERS = 16;
  private static final int RECORDS = 100;

  private static final int FLOOR_FILE_BYTES = 8 << 20;
  private static final int FLOOR_APPEND_BYTES = 512;
  private static final int FILE_MODE = 0600;

  @Param(TemporaryDirectory.DEFAULT_PARENT)
  String directory;

  private final Object queue = new Object();
  private SampleStore sample;

  @Setup
  public void open() throws IOException {
    sample = SampleStore.open(directory, RECORDS);
  }

  @TearDown
  public void delete() {
    sample.close();
  }

  /** A client that changes the store. */
  @State(Scope.Thread)
  public static class Writer {

    private SnapshotRecord record;

    @Setup
    public void make(JournalBenchmark benchmark) {
      synchronized (benchmark.queue) {
        record = benchmark.sample.newContainer();
      }
    }
  }

  /** A file like a journal, rewritten from the start when it is full. */
  @State(Scope.Thread)
  public static class FloorFile {

    private final LinuxDisk disk = new LinuxDisk();
    private final ByteBuffer bytes = ByteBuffer.allocateDirect(FLOOR_APPEND_BYTES);
    private TemporaryDirectory directory;
    private Fd file;
    private long position;

    @Setup
    public void make(JournalBenchmark benchmark) throws IOException {
      directory = TemporaryDirectory.in(benchmark.directory);
      try (Fd parent =
          Fcntl.open(LinuxPath.of(directory.path()), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
        file = disk.createFile(parent, LinuxPath.of("file"), FILE_MODE);
        ByteBuffer zeros = ByteBuffer.allocateDirect(FLOOR_FILE_BYTES);
        while (zeros.hasRemaining()) {
          disk.write(file, zeros, zeros.position());
        }
        disk.sync(file);
      }
    }

    @TearDown
    public void delete() {
      file.close();
      directory.close();
    }

    private void append() throws ErrnoException {
      bytes.clear();
      position += disk.write(file, bytes, position);
      disk.syncData(file);
      position %= FLOOR_FILE_BYTES;
    }
  }

  @Benchmark
  public void floor(FloorFile file) throws ErrnoException {
    file.append();
  }

  @Benchmark
  public void oneWriter(Writer writer) {
    sample.store().put(writer.record);
  }

  @Benchmark
  @Threads(WRITERS)
  public void sixteenWriters(Writer writer) {
    sample.store().put(writer.record);
  }

  @Benchmark
  @Threads(WRITERS)
  public void sixteenWritersOneByOne(Writer writer) {
    synchronized (queue) {
      sample.store().put(writer.record);
    }
  }
}
