package io.gatun.isal;

import static io.gatun.linux.NativeCall.offset;

import io.gatun.linux.NativeCall;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Decompresses gzip with Intel's ISA-L, about twice as fast as zlib: {@code isa-l/igzip_lib.h}. The
 * library is optional; {@link #absence} tells why it cannot be used.
 *
 * <p>Not thread-safe. One round decompresses a gzip member after its header: after {@link
 * Progress#FINISHED}, call {@link #reset} for the next one. The caller must detect truncated input.
 *
 * <p>The caller also parses headers, because the library miscalculates their checksum if they
 * arrive in pieces.
 */
public final class IsalInflater implements AutoCloseable {

  /** The state after a call. */
  public enum Progress {
    /** All input is consumed, or the output is full. */
    MORE,
    /** The member has ended with the right length and checksum; input may be left. */
    FINISHED
  }

  /** Input that is not valid gzip data. */
  public static final class CorruptException extends Exception {
    private static final long serialVersionUID = 1L;

    CorruptException(String message) {
      super(message);
    }
  }

  private static final long NEXT_OUT = offset(Abi.INFLATE_STATE, "next_out");
  private static final long AVAIL_OUT = offset(Abi.INFLATE_STATE, "avail_out");
  private static final long NEXT_IN = offset(Abi.INFLATE_STATE, "next_in");
  private static final long AVAIL_IN = offset(Abi.INFLATE_STATE, "avail_in");
  private static final long BLOCK_STATE = offset(Abi.INFLATE_STATE, "block_state");
  private static final long CRC_FLAG = offset(Abi.INFLATE_STATE, "crc_flag");

  private final IsalLibrary library = IsalLibrary.required();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment state = arena.allocate(Abi.INFLATE_STATE);

  /**
   * @throws UnsupportedOperationException if the library cannot be used; see {@link #absence}
   */
  public IsalInflater() {
    library.init(state);
    state.set(NativeCall.INT, CRC_FLAG, Abi.ISAL_GZIP_NO_HDR_VER);
  }

  /** {@return a message why the library cannot be used, or empty if it can} */
  public static Optional<String> absence() {
    return IsalLibrary.absence();
  }

  /**
   * Decompresses until the input is consumed or the output is full.
   *
   * @param input direct; its position moves
   * @param output direct; its position moves
   * @throws CorruptException with unchanged positions; {@link #reset} is required before further
   *     use
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
      // The counts are not reliable: after a wrong distance the library may count more input than
      // there was.
      throw new CorruptException("isal_inflate: " + reason(result));
    }
    input.position(input.limit() - state.get(NativeCall.INT, AVAIL_IN));
    output.position(output.limit() - state.get(NativeCall.INT, AVAIL_OUT));
    return state.get(NativeCall.INT, BLOCK_STATE) == Abi.ISAL_BLOCK_FINISH
        ? Progress.FINISHED
        : Progress.MORE;
  }

  /** Prepares for another member. */
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
