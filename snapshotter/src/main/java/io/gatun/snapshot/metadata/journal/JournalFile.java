package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Shortage;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * One journal that is appended to: a header as in {@link FileHeader}, then frames as in {@link
 * Frame}, then zeros to the end.
 *
 * <p>The zeros are written when the file is made. So a frame overwrites blocks that the filesystem
 * has, its fdatasync(2) has only data to write, and a disk that fills up meanwhile does not matter.
 * The end of the file is a reserve that only removals may use: with it each snapshot can be
 * removed, one by one, on a full disk.
 */
public final class JournalFile implements AutoCloseable {

  /** One removal, all by itself. */
  private static final int REMOVAL_BYTES = Frame.sizeOf(Frame.REMOVE_BYTES);

  private static final int ZEROS_BYTES = 1 << 20;

  private final Disk disk;
  private final Fd file;
  private final FileHeader header;
  private final long sizeBytes;

  /** What frames are written by, where that works. */
  private final Optional<DirectBlocks> direct;

  private long position;

  private JournalFile(
      Disk disk,
      Fd file,
      Optional<DirectBlocks> direct,
      FileHeader header,
      long sizeBytes,
      long position) {
    this.disk = disk;
    this.file = file;
    this.direct = direct;
    this.header = header;
    this.sizeBytes = sizeBytes;
    this.position = position;
  }

  /** {@return what the removal of every snapshot takes} */
  public static long reserveBytes(MetadataSettings settings) {
    return (long) settings.entriesMax() * REMOVAL_BYTES;
  }

  /** {@return how much of a frame the journal can take at all} */
  public static int bodyBytesMax(MetadataSettings settings) {
    return Math.min(
        Frame.BODY_BYTES_MAX,
        settings.journalBytes() - FileHeader.BYTES - Frame.sizeOf(Frame.RESERVE_BYTES));
  }

  /**
   * Makes the next journal but for its header and its name, so that beginning it is quick and needs
   * no space.
   */
  static void prepareSpare(Disk disk, Fd directory, MetadataSettings settings)
      throws ErrnoException {
    long size = sizeBytes(settings);
    String temporary = MetadataFile.temporary(MetadataFile.SPARE);
    try (Fd file = DurableFile.createOver(disk, directory, temporary)) {
      DurableFile.overwriteInPlace(disk, file);
      fillWithZeros(disk, file, 0, size);
      disk.sync(file);
    }
    disk.replace(
        directory, MetadataFile.path(temporary), directory, MetadataFile.path(MetadataFile.SPARE));
  }

  /**
   * Turns the spare into the journal of a generation.
   *
   * @return the journal, which may be appended to as soon as the directory has been synced
   */
  static JournalFile begin(Disk disk, Fd directory, FileHeader header, MetadataSettings settings)
      throws ErrnoException {
    long size = sizeBytes(settings);
    String name = MetadataFile.journal(header.generation());
    Fd file = DurableFile.open(directory, MetadataFile.SPARE);
    try {
      DurableFile.write(disk, file, header.encode(), 0);
      disk.sync(file);
      disk.rename(
          directory, MetadataFile.path(MetadataFile.SPARE), directory, MetadataFile.path(name));
      return new JournalFile(
          disk,
          file,
          DirectBlocks.open(disk, directory, name, size),
          header,
          size,
          FileHeader.BYTES);
    } catch (ErrnoException e) {
      file.close();
      discardSpare(disk, directory, e);
      throw e;
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /** A file that could not be synced once is no place for what has to be durable. */
  private static void discardSpare(Disk disk, Fd directory, ErrnoException cause) {
    try {
      DurableFile.removeIfThere(disk, directory, MetadataFile.SPARE);
    } catch (ErrnoException e) {
      cause.addSuppressed(e);
    }
  }

  /** {@return the journal where it was left by a clean stop} */
  public static JournalFile resume(Disk disk, Fd directory, JournalReader.Content content)
      throws ErrnoException {
    return new JournalFile(
        disk,
        DurableFile.open(directory, content.name()),
        DirectBlocks.open(disk, directory, content.name(), content.sizeBytes()),
        content.header(),
        content.sizeBytes(),
        content.endOffset());
  }

  /**
   * {@return the journal where it was left by a crash}
   *
   * <p>What was read is in the page cache, but not therefore on disk: the last batch may be one
   * whose fdatasync(2) never ran, or failed, after which the kernel holds the pages for clean. So
   * it is written again before anybody builds on it, and what lies behind it is overwritten with
   * zeros.
   */
  public static JournalFile recover(Disk disk, Fd directory, JournalReader.Content content)
      throws ErrnoException, MetadataDamagedException {
    JournalFile journal = resume(disk, directory, content);
    try {
      if (content.lastFrame().isPresent()) {
        long last = content.lastFrame().getAsLong();
        try (FileWindow window = FileWindow.open(directory, content.name())) {
          ByteBuffer frame = window.at(last, (int) (content.endOffset() - last));
          DurableFile.write(disk, journal.file, frame, last);
        }
      }
      if (content.tail().isPresent()) {
        fillWithZeros(disk, journal.file, content.endOffset(), content.sizeBytes());
      }
      disk.syncData(journal.file);
      return journal;
    } catch (ErrnoException | MetadataDamagedException | RuntimeException | Error e) {
      journal.close();
      throw e;
    }
  }

  /**
   * {@return whether what is there as the spare can be begun at once: as large as it has to be now,
   * and empty}
   *
   * <p>The settings may have changed since it was made, and anything may have happened to it.
   */
  static boolean isSpareUsable(Fd directory, MetadataSettings settings) throws ErrnoException {
    try (FileWindow file = FileWindow.open(directory, MetadataFile.SPARE)) {
      return file.sizeBytes() == sizeBytes(settings)
          && file.nextNonZero(FileHeader.BYTES) == file.sizeBytes();
    } catch (MetadataDamagedException e) {
      return false;
    }
  }

  private static long sizeBytes(MetadataSettings settings) {
    return settings.journalBytes() + reserveBytes(settings);
  }

  public FileHeader header() {
    return header;
  }

  public String name() {
    return MetadataFile.journal(header.generation());
  }

  /** {@return how large the file is} */
  public long capacityBytes() {
    return sizeBytes;
  }

  boolean hasFrames() {
    return position > FileHeader.BYTES;
  }

  /** {@return whether a frame fits in front of so much that has to stay free} */
  public boolean hasRoom(int frameBytes, long reserveBytes) {
    return position + frameBytes <= sizeBytes - reserveBytes;
  }

  /** Writes a frame behind the last one that was synced. */
  public void write(ByteBuffer frame) throws ErrnoException {
    boolean isWritten = direct.isPresent() && direct.get().tryWrite(frame, position);
    if (!isWritten) {
      DurableFile.write(disk, file, frame, position);
    }
  }

  /**
   * {@return whether a failure to write a frame may concern those before it} Past the page cache,
   * it may be that of the disk, to write a block that has the end of them, too.
   */
  public boolean mayHaveLost(ErrnoException failure) {
    // What the kernel says before it asks the disk.
    boolean isOfKernel =
        Shortage.isReason(failure) || failure.is(Errno.EINTR) || failure.is(Errno.EROFS);
    return direct.isPresent() && !isOfKernel;
  }

  /** Makes the frame durable that was written, and goes on behind it. */
  public void sync(int frameBytes) throws ErrnoException {
    disk.syncData(file);
    position += frameBytes;
  }

  /** Makes the frame that was written, whole or in part, none. */
  public void erase() throws ErrnoException {
    DurableFile.write(disk, file, ByteBuffer.allocateDirect(Frame.HEADER_BYTES), position);
  }

  private static void fillWithZeros(Disk disk, Fd file, long from, long to) throws ErrnoException {
    ByteBuffer zeros = ByteBuffer.allocateDirect((int) Math.min(ZEROS_BYTES, to - from));
    for (long at = from; at < to; at += zeros.capacity()) {
      zeros.clear().limit((int) Math.min(zeros.capacity(), to - at));
      DurableFile.write(disk, file, zeros, at);
    }
  }

  @Override
  public void close() {
    direct.ifPresent(DirectBlocks::close);
    file.close();
  }
}
