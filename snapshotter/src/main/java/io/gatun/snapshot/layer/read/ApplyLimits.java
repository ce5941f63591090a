package io.gatun.snapshot.layer.read;

/**
 * The resource limits of applies.
 *
 * @param appliesMax maximum concurrent applies, each with four threads besides the caller's
 * @param waitingMax maximum waiting applies
 * @param chunkBytes how much one thread passes to another at once
 * @param chunksMax number of such chunks per apply
 */
public record ApplyLimits(int appliesMax, int waitingMax, int chunkBytes, int chunksMax) {

  /**
   * 8 MiB of uncompressed data; the blob takes another MiB and the decoder up to 9. Larger chunks
   * would leave the processor's cache before the next thread reads them.
   */
  private static final int CHUNK_BYTES = 1 << 20;

  private static final int CHUNKS_MAX = 8;

  public ApplyLimits {
    if (appliesMax < 1 || waitingMax < 0 || chunkBytes < 1 || chunksMax < 2) {
      throw new IllegalArgumentException("limits are too low");
    }
  }

  /** {@return limits with the default chunk size} */
  public static ApplyLimits of(int appliesMax, int waitingMax) {
    return new ApplyLimits(appliesMax, waitingMax, CHUNK_BYTES, CHUNKS_MAX);
  }
}
