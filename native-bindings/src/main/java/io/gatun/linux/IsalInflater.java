package io.gatun.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Decompresses gzip with Intel's ISA-L, which is about twice as fast as zlib: {@code
 * isa-l/igzip_lib.h}. The library is an option: {@link #absence} tells whether it can be used here,
 * and why not.
 *
 * <p>For one thread at a time. What is in a gzip member after its header is one round: after {@link
 * Progress#FINISHED} come {@link #reset} and the next one, if there is more input. Where the input
 * ends too early only the caller knows.
 *
 * <p>Headers are left to the caller, since the library does not get their checksum right if they
 * come in pieces.
 */
public final class IsalInflater implements AutoCloseable {

  /** What a call has come to. */
  public enum Progress {
    /** All input is used up, or there is no room for output. */
    MORE,
    /** The member has ended, its length and checksum being right; there may be input left. */
    FINISHED
  }

  /** Input that is not what gzip writes. */
  public static final class CorruptException extends Exception {
    private static final long serialVersionUID = 1L;

    CorruptException(String message) {
      super(message);
    }
  }

  private static final long NEXT_OUT = Layouts.offset(Layouts.INFLATE_STATE, "next_out");
  private static final long AVAIL_OUT = Layouts.offset(Layouts.INFLATE_STATE, "avail_out");
  private static final long NEXT_IN = Layouts.offset(Layouts.INFLATE_STATE, "next_in");
  private static final long AVAIL_IN = Layouts.offset(Layouts.INFLATE_STATE, "avail_in");
  private static final long BLOCK_STATE = Layouts.offset(Layouts.INFLATE_STATE, "block_state");
  private static final long CRC_FLAG = Layouts.offset(Layouts.INFLATE_STATE, "crc_flag");

  private final IsalLibrary library = IsalLibrary.required();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment state = arena.allocate(Layouts.INFLATE_STATE);

  /**
   * @throws UnsupportedOperationException if the library cannot be used; see {@link #absence}
   */
  public IsalInflater() {
    library.init(state);
    state.set(NativeCall.INT, CRC_FLAG, Abi.ISAL_GZIP_NO_HDR_VER);
  }

  /** {@return why the library cannot be used here, in words for people; or nothing if it can} */
  public static Optional<String> absence() {
    return IsalLibrary.absence();
  }

  /**
   * Decompresses as far as input and room for output reach.
   *
   * @param input direct; its position moves
   * @param output direct; its position moves
   * @throws CorruptException with the positions as they were; only {@link #reset} makes it useful
   *     again
   */
  public Progress inflate(ByteBuffer input, ByteBuffer output) throws CorruptException {
    MemorySegment in = direct(input);
    MemorySegment out = direct(output);
    state.set(NativeCall.POINTER, NEXT_IN, in);
    state.set(NativeCall.INT, AVAIL_IN, input.remaining());
    state.set(NativeCall.POINTER, NEXT_OUT, out);
    state.set(NativeCall.INT, AVAIL_OUT, output.remaining());
    int result = library.inflate(state);
    if (result < 0 || result == Abi.ISAL_NEED_DICT) {
      // What it then says of the buffers cannot be relied on: after a wrong distance it may have
      // counted more input than there was.
      throw new CorruptException("isal_inflate: " + reason(result));
    }
    input.position(input.limit() - state.get(NativeCall.INT, AVAIL_IN));
    output.position(output.limit() - state.get(NativeCall.INT, AVAIL_OUT));
    return state.get(NativeCall.INT, BLOCK_STATE) == Abi.ISAL_BLOCK_FINISH
        ? Progress.FINISHED
        : Progress.MORE;
  }

  /** Makes ready for another member. */
  public void reset() {
    library.reset(state);
    state.set(NativeCall.INT, CRC_FLAG, Abi.ISAL_GZIP_NO_HDR_VER);
  }

  @Override
  public void close() {
    arena.close();
  }

  private static MemorySegment direct(ByteBuffer buffer) {
    if (!buffer.isDirect()) {
      throw new IllegalArgumentException("not a direct buffer");
    }
    return MemorySegment.ofBuffer(buffer);
  }

  private static String reason(int result) {
    return switch (result) {
      case Abi.ISAL_INVALID_BLOCK -> "invalid block";
      case Abi.ISAL_INVALID_SYMBOL -> "invalid symbol";
      case Abi.ISAL_INVALID_LOOKBACK -> "invalid distance";
      case Abi.ISAL_INCORRECT_CHECKSUM -> "wrong checksum or length";
      default -> "result " + result;
    };
  }
}
