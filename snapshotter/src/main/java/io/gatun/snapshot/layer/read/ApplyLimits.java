package io.gatun.snapshot.layer.read;

/**
 * What applies may take.
 *
 * @param appliesMax how many go on at once, each with four threads besides the caller's
 * @param waitingMax how many more wait for their turn
 * @param chunkBytes how much is handed from thread to thread at a time
 * @param chunksMax how many such chunks there are for each apply
 */
public record ApplyLimits(int appliesMax, int waitingMax, int chunkBytes, int chunksMax) {

  /**
   * 8 MiB of uncompressed data, to which the blob adds one MiB and the decoder at most 9. Larger
   * chunks would not be in the processor's cache any more when the next thread reads them.
   */
  private static final int CHUNK_BYTES = 1 << 20;

  private static final int CHUNKS_MAX = 8;

  public ApplyLimits {
    if (appliesMax < 1 || waitingMax < 0 || chunkBytes < 1 || chunksMax < 2) {
      throw new IllegalArgumentException("limits below what works");
    }
  }

  /** {@return limits with chunks of the usual size} */
  public static ApplyLimits of(int appliesMax, int waitingMax) {
    return new ApplyLimits(appliesMax, waitingMax, CHUNK_BYTES, CHUNKS_MAX);
  }
}
