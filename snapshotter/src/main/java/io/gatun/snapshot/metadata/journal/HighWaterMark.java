package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.metadata.CleanShutdownMarker;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Shortage;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file with the sequence number of the last acknowledged batch.
 *
 * <pre>
 *    0               4               8
 *    +---------------+---------------+
 *  0 | magic: GATUNACK               |
 *    +---------------+---------------+
 *  8 | version, 1    | crc32c        |   of all 40 bytes, see {@link Preamble}
 *    +---------------+---------------+
 * 16 | store                         |   as in {@link FileHeader}
 *    +-------------------------------+
 * 24 | generation of the journal     |
 *    +-------------------------------+
 * 32 | sequence                      |
 *    +-------------------------------+
 * </pre>
 *
 * <h2>Telling a torn tail from damage</h2>
 *
 * A journal alone cannot tell a last batch that was never completely written from one that was
 * acknowledged and damaged later: both end in garbage or zeros. Further evidence:
 *
 * <ul>
 *   <li>Any batch but the last: its successor was written only after it had become durable. If an
 *       intact successor is anywhere in the journal, or a next journal begins behind it, a broken
 *       batch is damage.
 *   <li>After a clean stop: {@link CleanShutdownMarker} durably records the end of the journal.
 *   <li>After the process was killed: this file. It is written after each fdatasync(2) of the
 *       journal, before the acknowledgment, and the page cache outlives the process. A journal that
 *       ends before the mark, or is older than the one it names, is damaged.
 *   <li>After a power failure: this file, as far as it had reached the disk. It is synced only
 *       after an idle time, because a second sync would double the cost of every batch. It may
 *       therefore be older, and proves less, but it never names a batch that the journal did not
 *       have. The only undetectable case is damage to the very last batch of a machine that lost
 *       power within the idle time. A write that the power failure interrupted looks the same and
 *       was never acknowledged; it is far more likely, and this case is treated as one.
 *   <li>If this file is damaged or missing, nothing is lost as long as the journal ends cleanly. If
 *       it does not, either may be damaged, and the store refuses to open.
 * </ul>
 */
public final class HighWaterMark implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(HighWaterMark.class);

  private static final long MAGIC = Magic.of("GATUNACK");
  private static final int VERSION = 1;
  private static final int BYTES = 40;

  private final Disk disk;
  private final Fd file;
  private final long store;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(BYTES);
  private boolean isSynced = true;

  /**
   * The content of the file.
   *
   * @param generation the journal that holds the batch
   * @param sequence the last acknowledged batch
   */
  public record Mark(long store, long generation, long sequence) {}

  private HighWaterMark(Disk disk, Fd file, long store) {
    this.disk = disk;
    this.file = file;
    this.store = store;
  }

  /** {@return a new file; on a full disk, the existing one} */
  public static HighWaterMark create(Disk disk, Fd directory, Mark mark) throws ErrnoException {
    try {
      DurableFile.replace(
          disk,
          directory,
          MetadataFile.ACKNOWLEDGED,
          encode(ByteBuffer.allocateDirect(BYTES), mark));
    } catch (ErrnoException e) {
      if (!Shortage.isRoom(e)) {
        throw e;
      }
      return reuse(disk, directory, mark, e);
    }
    return new HighWaterMark(
        disk, DurableFile.open(directory, MetadataFile.ACKNOWLEDGED), mark.store());
  }

  /**
   * Writes to the existing file. A copy-on-write filesystem may lack space even for that; the mark
   * then stays older.
   */
  private static HighWaterMark reuse(Disk disk, Fd directory, Mark mark, ErrnoException cause)
      throws ErrnoException {
    Fd file;
    try {
      file = DurableFile.open(directory, MetadataFile.ACKNOWLEDGED);
    } catch (ErrnoException e) {
      cause.addSuppressed(e);
      throw cause;
    }
    HighWaterMark highWaterMark = new HighWaterMark(disk, file, mark.store());
    try {
      highWaterMark.write(mark.generation(), mark.sequence());
      highWaterMark.sync();
    } catch (ErrnoException e) {
      if (!Shortage.isRoom(e)) {
        highWaterMark.close();
        throw e;
      }
      LOG.warn("later damage to the journal may go unnoticed error=\"{}\"", e.getMessage());
    }
    return highWaterMark;
  }

  /**
   * {@return the batch that the journal must reach; empty if the file is damaged}
   *
   * @throws MetadataDamagedException if a later version wrote the file, or it cannot be read
   */
  public static Optional<Mark> read(Fd directory) throws ErrnoException, MetadataDamagedException {
    try (FileWindow file = FileWindow.open(directory, MetadataFile.ACKNOWLEDGED)) {
      ByteBuffer in = file.at(0, BYTES);
      return switch (Preamble.check(in, BYTES, MAGIC, VERSION, "mark")) {
        case Preamble.State.Intact _ ->
            Optional.of(
                new Mark(
                    in.getLong(Preamble.BYTES),
                    in.getLong(Preamble.BYTES + Long.BYTES),
                    in.getLong(Preamble.BYTES + 2 * Long.BYTES)));
        case Preamble.State.Damaged _ -> Optional.empty();
        case Preamble.State.OtherVersion(int version) ->
            throw new MetadataDamagedException(
                Finding.unknownVersion(
                    MetadataFile.ACKNOWLEDGED, Preamble.VERSION_OFFSET, version, VERSION));
      };
    }
  }

  /** Records that a batch is durable. */
  public void write(long generation, long sequence) throws ErrnoException {
    isSynced = false;
    DurableFile.write(disk, file, encode(buffer, new Mark(store, generation, sequence)), 0);
  }

  public boolean isSynced() {
    return isSynced;
  }

  /** Makes the last mark durable. After a failure, it waits for the next write to retry. */
  public void sync() throws ErrnoException {
    if (!isSynced) {
      isSynced = true;
      disk.syncData(file);
    }
  }

  private static ByteBuffer encode(ByteBuffer out, Mark mark) {
    out.clear().position(Preamble.BYTES);
    out.putLong(mark.store).putLong(mark.generation).putLong(mark.sequence).flip();
    Preamble.seal(out, MAGIC, VERSION);
    return out;
  }

  @Override
  public void close() {
    file.close();
  }
}
