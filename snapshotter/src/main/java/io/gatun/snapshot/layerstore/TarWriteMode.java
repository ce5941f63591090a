package io.gatun.snapshot.layerstore;

/**
 * How tars are written to disk.
 *
 * @param isEarly whether writeback of cached data starts before the tar is complete, which shortens
 *     a final sync but costs time if there is none
 * @param isDirect whether to bypass the page cache where the disk keeps up: for tars that are read
 *     with direct I/O as well and are synced before the request is answered
 */
public record TarWriteMode(boolean isEarly, boolean isDirect) {

  /** {@return the same mode for a tar that is synced at its end} */
  public TarWriteMode early() {
    return new TarWriteMode(true, isDirect);
  }
}
