package io.gatun.snapshot.layerstore;

/**
 * How tars get to the disk.
 *
 * @param isEarly whether what is in the page cache is sent to the disk while the rest is still to
 *     come, which makes a sync at the end short, and costs time if there is none
 * @param isDirect whether they pass the page cache by where the disk keeps up, which is for those
 *     that are not read by way of it either, and that somebody waits for to be on the disk
 */
public record TarWriteMode(boolean isEarly, boolean isDirect) {

  /** {@return the same for what is synced at its end} */
  public TarWriteMode early() {
    return new TarWriteMode(true, isDirect);
  }
}
