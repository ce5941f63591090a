package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * All intact frames of a file that may be damaged anywhere.
 *
 * @param frames the offset of each, by sequence number
 * @param unreadable the parts that the kernel could not read
 */
public record FrameScan(NavigableMap<Long, Long> frames, List<Finding> unreadable) {

  /** The kernel reads files in pages; an unreadable page is skipped. */
  private static final long PAGE_BYTES = 4096;

  /** {@return the frames of a file with this salt} */
  public static FrameScan of(FileWindow file, long salt) throws ErrnoException {
    NavigableMap<Long, Long> frames = new TreeMap<>();
    List<Finding> unreadable = new ArrayList<>();
    long at = FileHeader.BYTES;
    while (at < file.sizeBytes()) {
      try {
        at = file.nextNonZero(at);
        ByteBuffer head = file.at(at, Frame.HEADER_BYTES);
        if (head.remaining() < Frame.HEADER_BYTES) {
          break;
        }
        long sequence = Frame.sequenceOf(head);
        int bytes = Frame.sizeOf(Frame.bodyBytesOf(head));
        if (isFrame(file, at, salt)) {
          frames.putIfAbsent(sequence, at);
          at += bytes;
        } else {
          at += Frame.ALIGNMENT_BYTES;
        }
      } catch (MetadataDamagedException e) {
        unreadable.add(e.finding());
        at = (Math.max(at, e.finding().offset()) / PAGE_BYTES + 1) * PAGE_BYTES;
      }
    }
    return new FrameScan(frames, unreadable);
  }

  private static boolean isFrame(FileWindow file, long offset, long salt)
      throws ErrnoException, MetadataDamagedException {
    int body = Frame.bodyBytesOf(file.at(offset, Frame.HEADER_BYTES));
    return Frame.isBodyLength(body) && Frame.isIntact(file.at(offset, Frame.sizeOf(body)), salt);
  }
}
