package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.ErrnoException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * The unit of journals and checkpoints: one batch of changes, or one part of a checkpoint.
 *
 * <pre>
 *    0               4               8
 *    +---------------+---------------+
 *  0 | bytes of body | crc32c        |   over the salt of the file, the length, the sequence and the body
 *    +---------------+---------------+
 *  8 | sequence                      |   one more than the previous frame's, across files
 *    +-------------------------------+
 * 16 | body: entries, one or more    |
 *    |                               |
 *    +-------------------------------+
 *      zeros up to a multiple of 8
 *
 *   entry:  1 put       length (4), a record as in {@link RecordCodec}
 *           2 remove    id (8)
 *           3 reserve   ids (8): every id below may have been given out
 *           5 distrust  ids (8): a sync failed after only ids below had been given out
 *           4 end       count (8) of the records in a checkpoint; the last entry of its last frame
 * </pre>
 *
 * <p>Numbers are big-endian. The entries of a frame are applied atomically. A body is never empty,
 * which means that zeros are not a frame: a new journal is filled with zeros, and ends at the first
 * of them.
 */
public final class Frame {

  public static final int HEADER_BYTES = 16;

  /**
   * The maximum size of one batch. It holds a record of the maximum size; a larger batch would not
   * help.
   */
  static final int BODY_BYTES_MAX = 512 << 10;

  static final int ALIGNMENT_BYTES = 8;

  static final byte PUT = 1;
  static final byte REMOVE = 2;
  static final byte RESERVE = 3;
  static final byte END = 4;
  static final byte DISTRUST = 5;

  public static final int PUT_BYTES = 1 + Integer.BYTES;
  public static final int REMOVE_BYTES = 1 + Long.BYTES;
  public static final int RESERVE_BYTES = 1 + Long.BYTES;
  static final int END_BYTES = 1 + Long.BYTES;
  public static final int DISTRUST_BYTES = 1 + Long.BYTES;

  private static final int CHECKSUM_OFFSET = 4;
  private static final int SEQUENCE_OFFSET = 8;

  private Frame() {}

  /** {@return the size in a file of a frame with this body} */
  public static int sizeOf(int bodyBytes) {
    int bytes = HEADER_BYTES + bodyBytes;
    return (bytes + ALIGNMENT_BYTES - 1) & -ALIGNMENT_BYTES;
  }

  /** Begins a frame at the start of the buffer; its entries follow. */
  public static void begin(ByteBuffer buffer) {
    buffer.clear().position(HEADER_BYTES);
  }

  public static void put(ByteBuffer buffer, byte[] record) {
    buffer.put(PUT).putInt(record.length).put(record);
  }

  public static void remove(ByteBuffer buffer, long id) {
    buffer.put(REMOVE).putLong(id);
  }

  public static void reserve(ByteBuffer buffer, long idLimit) {
    buffer.put(RESERVE).putLong(idLimit);
  }

  public static void distrust(ByteBuffer buffer, long idLimit) {
    buffer.put(DISTRUST).putLong(idLimit);
  }

  static void end(ByteBuffer buffer, long count) {
    buffer.put(END).putLong(count);
  }

  public static int bodyBytes(ByteBuffer buffer) {
    return buffer.position() - HEADER_BYTES;
  }

  /** Ends the frame in the buffer and makes it ready for writing. */
  public static void seal(ByteBuffer buffer, long salt, long sequence) {
    int body = bodyBytes(buffer);
    buffer.putInt(0, body).putLong(SEQUENCE_OFFSET, sequence);
    buffer.putInt(CHECKSUM_OFFSET, checksum(buffer, body, salt));
    while (buffer.position() % ALIGNMENT_BYTES != 0) {
      buffer.put((byte) 0);
    }
    buffer.flip();
  }

  /** {@return the body length stated by the header at the start of the buffer} */
  public static int bodyBytesOf(ByteBuffer header) {
    return header.getInt(0);
  }

  static long sequenceOf(ByteBuffer header) {
    return header.getLong(SEQUENCE_OFFSET);
  }

  static boolean isBodyLength(int bytes) {
    return bytes > 0 && bytes <= BODY_BYTES_MAX;
  }

  /** {@return whether the buffer starts with an intact frame} */
  static boolean isIntact(ByteBuffer frame, long salt) {
    int body = bodyBytesOf(frame);
    return isBodyLength(body)
        && sizeOf(body) <= frame.limit()
        && frame.getInt(CHECKSUM_OFFSET) == checksum(frame, body, salt);
  }

  /**
   * {@return the frame at this position of a file, if it is intact and has this sequence number}
   */
  public static Optional<ByteBuffer> read(FileWindow file, long offset, long sequence, long salt)
      throws ErrnoException, MetadataDamagedException {
    ByteBuffer head = file.at(offset, HEADER_BYTES);
    if (head.remaining() < HEADER_BYTES
        || !isBodyLength(bodyBytesOf(head))
        || sequenceOf(head) != sequence) {
      return Optional.empty();
    }
    ByteBuffer frame = file.at(offset, sizeOf(bodyBytesOf(head)));
    return Optional.of(frame).filter(bytes -> isIntact(bytes, salt));
  }

  private static int checksum(ByteBuffer frame, int body, long salt) {
    ByteBuffer head = ByteBuffer.allocate(Long.BYTES + Integer.BYTES + Long.BYTES);
    head.putLong(salt).putInt(body).putLong(frame.getLong(SEQUENCE_OFFSET)).flip();
    CRC32C crc = new CRC32C();
    crc.update(head);
    crc.update(frame.slice(HEADER_BYTES, body));
    return (int) crc.getValue();
  }

  /** Receives the entries of frames, in order. */
  public interface Visitor {

    void onPut(byte[] encoding) throws MalformedException;

    void onRemove(long id) throws MalformedException;

    void onReserve(long idLimit) throws MalformedException;

    void onDistrust(long idLimit) throws MalformedException;

    void onEnd(long count) throws MalformedException;
  }

  /**
   * Visits all entries of an intact frame.
   *
   * @param file the name of its file
   * @param offset its position in the file
   * @throws MetadataDamagedException if an entry is malformed; its checksum matches, which means it
   *     was written that way
   */
  public static void visit(ByteBuffer frame, String file, long offset, Visitor visitor)
      throws MetadataDamagedException {
    try {
      visit(frame, visitor);
    } catch (MalformedException e) {
      throw new MetadataDamagedException(e.finding(file, offset));
    }
  }

  private static void visit(ByteBuffer frame, Visitor visitor) throws MalformedException {
    ByteBuffer body = frame.slice(HEADER_BYTES, bodyBytesOf(frame));
    try {
      while (body.hasRemaining()) {
        byte type = body.get();
        switch (type) {
          case PUT -> visitor.onPut(record(body));
          case REMOVE -> visitor.onRemove(body.getLong());
          case RESERVE -> visitor.onReserve(body.getLong());
          case DISTRUST -> visitor.onDistrust(body.getLong());
          case END -> visitor.onEnd(body.getLong());
          default ->
              throw MalformedException.ofLaterVersion(
                  "a frame has an entry of type %d, which is not known".formatted(type));
        }
      }
    } catch (BufferUnderflowException e) {
      throw new MalformedException("the last entry of a frame is incomplete", e);
    }
  }

  private static byte[] record(ByteBuffer body) throws MalformedException {
    int length = body.getInt();
    if (length < 0 || length > body.remaining()) {
      throw new MalformedException(
          "a record of %d bytes does not fit into its frame".formatted(length));
    }
    byte[] record = new byte[length];
    body.get(record);
    return record;
  }
}
