package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Shortage;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * An open journal: a header as in {@link FileHeader}, then frames as in {@link Frame}, then zeros
 * to the end.
 *
 * <p>The zeros are written when the file is created. A frame then overwrites allocated blocks: its
 * fdatasync(2) writes data only, and cannot fail for lack of space. The end of the file is a
 * reserve for removals, large enough to remove every snapshot, one by one, on a full disk.
 */
public final class JournalFile implements AutoCloseable {

  /** A frame with one removal. */
  private static final int REMOVAL_BYTES = Frame.sizeOf(Frame.REMOVE_BYTES);

  private static final int ZEROS_BYTES = 1 << 20;

  private final Disk disk;
  private final Fd file;
  private final FileHeader header;
  private final long sizeBytes;

  /** Writes the frames, where supported. */
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

  /** {@return the space needed to remove every snapshot} */
  public static long reserveBytes(MetadataSettings settings) {
    return (long) settings.entriesMax() * REMOVAL_BYTES;
  }

  /** {@return the largest frame body that fits into a journal} */
  public static int bodyBytesMax(MetadataSettings settings) {
    return Math.min(
        Frame.BODY_BYTES_MAX,
        settings.journalBytes() - FileHeader.BYTES - Frame.sizeOf(Frame.RESERVE_BYTES));
  }

  /**
   * Creates the next journal without header and final name, to make its start quick and independent
   * of free space.
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
   * @return the journal, usable once the directory has been synced
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

  /** Removes a spare that failed to sync: it must not hold durable data. */
  private static void discardSpare(Disk disk, Fd directory, ErrnoException cause) {
    try {
      DurableFile.removeIfThere(disk, directory, MetadataFile.SPARE);
    } catch (ErrnoException e) {
      cause.addSuppressed(e);
    }
  }

  /** {@return the journal, resumed after a clean stop} */
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
   * {@return the journal, resumed after a crash}
   *
   * <p>The data read is in the page cache but not necessarily on disk: the fdatasync(2) of the last
   * batch may never have run, or have failed, after which the kernel considers the pages clean.
   * Therefore the batch is rewritten before any other follows, and the rest is overwritten with
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
   * {@return whether the existing spare is usable: of the size now configured, and empty}
   *
   * <p>The settings may have changed since its creation, and the file may have been altered.
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

  public long capacityBytes() {
    return sizeBytes;
  }

  boolean hasFrames() {
    return position > FileHeader.BYTES;
  }

  /** {@return whether a frame fits while the reserve stays free} */
  public boolean hasRoom(int frameBytes, long reserveBytes) {
    return position + frameBytes <= sizeBytes - reserveBytes;
  }

  /** Writes a frame behind the last synced one. */
  public void write(ByteBuffer frame) throws ErrnoException {
    boolean isWritten = direct.isPresent() && direct.get().tryWrite(frame, position);
    if (!isWritten) {
      DurableFile.write(disk, file, frame, position);
    }
  }

  /**
   * {@return whether a failed frame write may have damaged earlier frames} A direct write includes
   * the block with the end of the previous frame, and the disk may have failed on it.
   */
  public boolean mayHaveLost(ErrnoException failure) {
    // The kernel reports these before it calls the disk.
    boolean isOfKernel =
        Shortage.isReason(failure) || failure.is(Errno.EINTR) || failure.is(Errno.EROFS);
    return direct.isPresent() && !isOfKernel;
  }

  /** Makes the written frame durable and moves behind it. */
  public void sync(int frameBytes) throws ErrnoException {
    disk.syncData(file);
    position += frameBytes;
  }

  /** Invalidates the frame that was written, completely or in part. */
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
