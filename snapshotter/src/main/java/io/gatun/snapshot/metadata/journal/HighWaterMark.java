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
 * The file that says which batch somebody was told is durable.
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
 * <h2>What can be told of a journal that does not end well</h2>
 *
 * A journal by itself cannot tell a last batch that was never written whole from one that was
 * acknowledged and damaged since: both end in rubbish or zeros. What is known besides:
 *
 * <ul>
 *   <li>Any batch but the last: its successor was written only after it had become durable. So if
 *       an intact successor is anywhere in the journal, or a next journal begins behind it, a batch
 *       that is not intact is damage.
 *   <li>After a clean stop: {@link CleanShutdownMarker} has the end of the journal, durably.
 *   <li>After the process was killed: this file. It is written after each fdatasync(2) of the
 *       journal and before anybody is told, and what was written outlives the process. A journal
 *       that ends before it, or is older than the one it names, is damaged.
 *   <li>After a power cut: this file as well, as far as it had reached the disk. It is synced only
 *       when the store has had nothing to write for a while, since a second sync for every batch
 *       would double the price of each. So it may be an older one, which makes it say less, and
 *       never anything that the journal did not have. Hence the one thing that nobody can see is
 *       damage to the very last batch of a machine that lost its power within that while. What a
 *       drive leaves of a write that the power cut interrupted looks the same, and was never
 *       acknowledged; it is far more likely, and is taken for what it is.
 *   <li>If this file itself is damaged or gone, nothing is lost as long as the journal ends well.
 *       If it does not, either may have been damaged, and the store is not opened.
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
   * What the file says.
   *
   * @param store which store it belongs to
   * @param generation the journal that has the batch
   * @param sequence the batch
   */
  public record Mark(long store, long generation, long sequence) {}

  private HighWaterMark(Disk disk, Fd file, long store) {
    this.disk = disk;
    this.file = file;
    this.store = store;
  }

  /** {@return the file, made anew; on a full disk, what is there is used} */
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
   * A filesystem may have no room even for what is written in place; then it goes on saying less.
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
   * {@return which batch the journal must reach at least; nothing if the file is damaged}
   *
   * @throws MetadataDamagedException if it is of a later version, or cannot be read
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

  /** Says that a batch is durable. */
  public void write(long generation, long sequence) throws ErrnoException {
    isSynced = false;
    DurableFile.write(disk, file, encode(buffer, new Mark(store, generation, sequence)), 0);
  }

  /** {@return whether the disk has what was last written} */
  public boolean isSynced() {
    return isSynced;
  }

  /** Makes durable what was last written. A failure is not tried again before the next write. */
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
